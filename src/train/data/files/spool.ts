import { mkdtemp, open, rm, statfs, type FileHandle } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EspalierError } from '../../../core/index.ts';
import { formatBytes, isDiskFull } from '../../../atomic-files/index.ts';
import type { RowAddress } from './data-file.ts';

/** Bytes that are written at once. */
const blockBytes = 2 ** 20;

/**
 * Rows of files in which none can be read alone, written to a temporary file. The file loses its name as soon as it is open, so that
 * nothing is left of it, however the process ends.
 */
export class Spool implements AsyncDisposable {
  readonly #handle: FileHandle;
  readonly #what: string;
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #written = 0;

  private constructor(handle: FileHandle, what: string) {
    this.#handle = handle;
    this.#what = what;
  }

  /** @param what  what is written, for errors */
  static async open(what: string): Promise<Spool> {
    const folder = await mkdtemp(join(tmpdir(), 'espalier-rows-'));
    try {
      return new Spool(await open(join(folder, 'rows'), 'wx+', 0o600), what);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  /** @throws EspalierError DISK_FULL */
  async append(text: string): Promise<RowAddress> {
    const bytes = Buffer.from(text);
    const start = this.#written + this.#waitingBytes;
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.length;
    if (this.#waitingBytes >= blockBytes) await this.#flush();
    return { start, length: bytes.length };
  }

  async read({ start, length }: RowAddress): Promise<string> {
    await this.#flush();
    const { buffer, bytesRead } = await this.#handle.read(Buffer.alloc(length), 0, length, start);
    return buffer.toString('utf8', 0, bytesRead);
  }

  async #flush(): Promise<void> {
    if (this.#waitingBytes === 0) return;
    const block = Buffer.concat(this.#waiting);
    this.#waiting = [];
    this.#waitingBytes = 0;
    try {
      await this.#handle.writeFile(block);
    } catch (error) {
      throw isDiskFull(error) ? await this.#full(error) : error;
    }
    this.#written += block.length;
  }

  async #full(cause: unknown): Promise<EspalierError> {
    const folder = tmpdir();
    const disk = await statfs(folder).catch(() => undefined);
    const free = disk === undefined ? 'an unknown number of bytes' : formatBytes(disk.bavail * disk.bsize);
    const details = { folder, what: this.#what, written: formatBytes(this.#written), free };
    return new EspalierError('DISK_FULL', details, { cause });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handle.close();
  }
}
