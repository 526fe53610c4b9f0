import { openAdapterSource, type AdapterSource, type FolderFiles } from './adapter-source.ts';
import { readOneState, type FileClock } from './read-one-state.ts';

const systemFileClock: FileClock = {
  now: () => Date.now(),
  wait: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
};

export interface SourceOptions {
  /** The folder in which an adapter and all its files must lie, also through links. Absent: they may be anywhere. */
  readonly within?: string | undefined;
  readonly fileClock?: FileClock | undefined;
}

/**
 * Reads an adapter as one consistent state of its files. The result or error of `read` counts only if no file changed during the
 * reading. Otherwise the files are opened and read again.
 *
 * @param read  must read everything that it needs into memory
 * @throws EspalierError FILE_NOT_FOUND, ADAPTER_PATH_OUTSIDE; ADAPTER_CHANGING if the files keep changing; the errors of `read`
 */
export function readStable<T>(
  path: string,
  { files, within, fileClock = systemFileClock }: SourceOptions & { readonly files: FolderFiles },
  read: (source: AdapterSource) => Promise<T>,
): Promise<T> {
  return readOneState(() => openAdapterSource(path, { files, within }), { path, fileClock }, read);
}
