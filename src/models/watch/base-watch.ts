import { watch } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { EspalierError } from '../../core/index.ts';
import { stampOf, type Stamp } from '../../atomic-files/index.ts';
import type { StoredTensors } from '../stored-tensors.ts';
import { sampleContent } from './content-sample.ts';
import { judgeChange } from './judge-change.ts';

/** Calls `look` again and again, and soon after a file was written to. @returns what ends it */
export type Lookout = (paths: readonly string[], look: () => void) => () => void;

const intervalMs = 1000;

/** Looks every second, and when the system tells of a change. It keeps no process alive. */
const systemLookout: Lookout = (paths, look) => {
  const timer = setInterval(look, intervalMs);
  timer.unref();
  const watchers = paths.flatMap((path) => {
    try {
      // WHY errors are let pass: a system has few such watchers, and the timer looks too.
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

/** Whatever has weights in files: a base, or a model of another kind. */
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
 * Notices when a file of a base is written to while the base is in use. The runtime maps these files into memory: what is written to
 * them changes the model, and what is cut off ends the process when it is read.
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

  /** Remembers what the files are now. Open it before they are read, so that nothing lies between. @throws EspalierError FILE_NOT_FOUND */
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

  /** Aborts with BASE_CHANGED as its reason when a file changed. */
  get changed(): AbortSignal {
    return this.#changed.signal;
  }

  /** Looks at all files now. It never rejects. */
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
    return true; // a file that cannot be asked any more is not what it was
  }
}
