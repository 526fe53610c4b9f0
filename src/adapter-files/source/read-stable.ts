import { EspalierError } from '../../core/index.ts';
import { openAdapterSource, type AdapterSource, type FolderFiles } from './adapter-source.ts';
import { settlingTime } from './settling.ts';

/** The clock of the file system's times. */
export interface FileClock {
  /** Milliseconds since 1970. */
  now(): number;
  wait(ms: number): Promise<void>;
}

const systemFileClock: FileClock = {
  now: () => Date.now(),
  wait: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
};

export interface SourceOptions {
  /** The folder in which an adapter and all its files must lie, also through links. Absent: they may be anywhere. */
  readonly within?: string | undefined;
  readonly fileClock?: FileClock | undefined;
}

const maxTries = 5;

/**
 * Reads an adapter as one consistent state of its files. The result or error of `read` counts only if no file changed during the
 * reading. Otherwise the files are opened and read again.
 *
 * @param read  must read everything that it needs into memory
 * @throws EspalierError FILE_NOT_FOUND, ADAPTER_PATH_OUTSIDE; ADAPTER_CHANGING if the files keep changing; the errors of `read`
 */
export async function readStable<T>(
  path: string,
  { files, within, fileClock = systemFileClock }: SourceOptions & { readonly files: FolderFiles },
  read: (source: AdapterSource) => Promise<T>,
): Promise<T> {
  for (let tries = 0; tries < maxTries; tries++) {
    await using source = await openAdapterSource(path, { files, within });
    const wait = settlingTime(source.stamps, fileClock.now());
    if (wait > 0) {
      await fileClock.wait(wait);
      if (!(await source.isUnchanged())) continue;
    }
    const outcome = await read(source).then(
      (value) => ({ value }),
      (error: unknown) => ({ error }),
    );
    if (!(await source.isUnchanged())) continue;
    if ('error' in outcome) throw outcome.error;
    return outcome.value;
  }
  throw new EspalierError('ADAPTER_CHANGING', { path, tries: maxTries });
}
