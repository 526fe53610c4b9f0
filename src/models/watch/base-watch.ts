import { watch } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { EspalierError } from '../../core/index.ts';
import { stampOf, type Stamp } from '../../atomic-files/index.ts';
import type { StoredTensors } from '../stored-tensors.ts';
import { sampleContent } from './content-sample.ts';
import { judgeChange } from './judge-change.ts';

/** Calls `look` regularly, and soon after a file was written to. @returns a function that stops it */
export type Lookout = (paths: readonly string[], look: () => void) => () => void;

const intervalMs = 1000;

/** Looks every second, and when the system reports a change. It does not keep the process alive. */
const systemLookout: Lookout = (paths, look) => {
  const timer = setInterval(look, intervalMs);
  timer.unref();
  const watchers = paths.flatMap((path) => {
    try {
      // WHY errors are ignored: the number of such watchers is limited, and the timer looks anyway.
      return [watch(path, { persistent: false }, look).on('error', () => undefined)];
    } catch {
      return [];
    }
  });
  return () => {
    clearInterval(timer);
    for (const watcher of watchers) watcher.close();
  };
};

/** A model with weights in files: a base, or a model of another kind. */
export interface Watched {
  readonly dir: string;
  readonly stored: Pick<StoredTensors, 'locations'>;
}

interface WatchedFile {
  readonly path: string;
  readonly file: FileHandle;
  readonly sample: string;
  stamp: Stamp;
}

/**
 * Notices when a file of a base is written to while the base is in use. The runtime maps these files into memory, so a write changes
 * the model. If a file is truncated, reading the missing part ends the process.
 */
export class BaseWatch implements AsyncDisposable {
  readonly #files: readonly WatchedFile[];
  readonly #changed = new AbortController();
  readonly #end: () => void;
  #look: Promise<void> | undefined;

  private constructor(files: readonly WatchedFile[], lookout: Lookout) {
    this.#files = files;
    const paths = files.map(({ path }) => path);
    this.#end = lookout(paths, () => void this.look());
  }

  /** Records the state of the files. Open it before reading the files, so that no change is missed. @throws EspalierError FILE_NOT_FOUND */
  static async open(
    { dir, stored }: Watched,
    { lookout = systemLookout }: { readonly lookout?: Lookout } = {},
  ): Promise<BaseWatch> {
    const files: WatchedFile[] = [];
    try {
      for (const location of stored.locations) files.push(await remember(join(dir, location)));
      return new BaseWatch(files, lookout);
    } catch (error) {
      for (const { file } of files) await file.close();
      throw error;
    }
  }

  /** Aborts, with BASE_CHANGED as its reason, when a file has changed. */
  get changed(): AbortSignal {
    return this.#changed.signal;
  }

  /** Checks all files now. Never rejects. */
  look(): Promise<void> {
    this.#look ??= this.#lookAtAll().finally(() => (this.#look = undefined));
    return this.#look;
  }

  async #lookAtAll(): Promise<void> {
    for (const watched of this.#files) {
      if (this.changed.aborted) return;
      if (await isChanged(watched)) this.#changed.abort(new EspalierError('BASE_CHANGED', { path: watched.path }));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end();
    await this.#look;
    for (const { file } of this.#files) await file.close();
  }
}

async function remember(path: string): Promise<WatchedFile> {
  const file = await open(path).catch((cause: unknown) => {
    throw new EspalierError('FILE_NOT_FOUND', { what: 'file of weights', path }, { cause });
  });
  try {
    const stamp = stampOf(await file.stat({ bigint: true }));
    return { path, file, stamp, sample: await sampleContent(file, Number(stamp.size)) };
  } catch (error) {
    await file.close();
    throw error;
  }
}

async function isChanged(watched: WatchedFile): Promise<boolean> {
  const { file, stamp, sample } = watched;
  try {
    const now = stampOf(await file.stat({ bigint: true }));
    const judgement = judgeChange(stamp, now);
    if (judgement !== 'unsure') return judgement === 'changed';
    if ((await sampleContent(file, Number(now.size))) !== sample) return true;
    watched.stamp = now;
    return false;
  } catch {
    return true; // a file that can no longer be accessed counts as changed
  }
}
