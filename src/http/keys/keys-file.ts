import { EspalierError } from '../../core/index.ts';
import { SettledFiles } from '../door/settled-files.ts';
import { readSmallFile } from '../door/read-small-file.ts';
import { repeat, systemTimers, type Timers } from '../door/timers.ts';
import type { NamedKey } from './key-ring.ts';
import { publishKeysEvent } from './keys-events.ts';
import { maxKeysBytes, parseKeys } from './read-keys.ts';

const lookEveryMs = 1000;

export interface KeysFileOptions {
  readonly path: string;
  /** Takes the keys of the file, all at once. */
  readonly replace: (keys: readonly NamedKey[]) => void;
  readonly timers?: Timers | undefined;
}

/** A file of keys that is read again when it has changed. While it cannot be used, the keys from before stay in use. */
export class KeysFile implements Disposable {
  readonly #options: KeysFileOptions;
  readonly #files: SettledFiles;
  #looking: Disposable | undefined;
  #isDisposed = false;
  #reading: Promise<void> = Promise.resolve();

  /** @throws EspalierError FILE_NOT_FOUND, KEYS_FILE_INVALID */
  static async open(options: KeysFileOptions): Promise<KeysFile> {
    const file = new KeysFile(options);
    await file.#take();
    file.#looking = repeat(options.timers ?? systemTimers, lookEveryMs, () => file.look());
    return file;
  }

  private constructor(options: KeysFileOptions) {
    this.#options = options;
    this.#files = new SettledFiles([options.path]);
  }

  /** Reads the file now. A file that cannot be used is told on the channel `espalier:keys`. */
  async reload(): Promise<void> {
    this.#reading = this.#reading.then(async () => {
      try {
        await this.#take();
      } catch (error) {
        publishKeysEvent({ event: 'refused', path: this.#options.path, error });
      }
    });
    await this.#reading;
  }

  /** Looks whether the file has changed, and reads it if it has and nobody writes it any more. */
  async look(): Promise<void> {
    if (await this.#files.look()) await this.reload();
  }

  async #take(): Promise<void> {
    const { path, replace } = this.#options;
    await this.#files.take();
    const { content, mode } = await readSmallFile(path, {
      what: 'file of keys',
      maxBytes: maxKeysBytes,
      refusal: (isFile) => {
        const problem = isFile ? `it has more than ${maxKeysBytes} bytes` : 'it is not a file';
        return new EspalierError('KEYS_FILE_INVALID', { path, problem });
      },
    });
    const keys = parseKeys(content.toString(), path);
    if (this.#isDisposed) return;
    replace(keys);
    if (process.platform !== 'win32' && (mode & 0o077) !== 0) {
      publishKeysEvent({ event: 'open', path, mode: (mode & 0o777).toString(8) });
    }
    publishKeysEvent({ event: 'loaded', path, count: keys.length });
  }

  [Symbol.dispose](): void {
    this.#isDisposed = true;
    this.#looking?.[Symbol.dispose]();
  }
}
