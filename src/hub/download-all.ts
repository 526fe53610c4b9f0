import { acquireLock } from '../atomic-files/index.ts';
import { downloadFile } from './download-file.ts';
import type { FileStore } from './file-store.ts';
import { createHubFetch, type HubFetchOptions } from './hub-fetch.ts';
import type { Repository, RepositoryFile } from './repository.ts';

export interface DownloadAllOptions extends HubFetchOptions {
  readonly repository: Repository;
  readonly store: FileStore;
  /** Called with the number of bytes of these files that are on the disk, and the file that has just grown. */
  readonly onBytes: (doneBytes: number, file: string) => void;
}

/** Number of simultaneous downloads. Several keep the connection in use while the request for a small file is answered. */
const concurrency = 4;

/**
 * Downloads files in parallel. The first error stops the other downloads.
 * @throws EspalierError the errors of `downloadFile`; the signal's reason when aborted
 */
export async function downloadAll(files: readonly RepositoryFile[], options: DownloadAllOptions): Promise<void> {
  const failure = new AbortController();
  const signal = options.signal === undefined ? failure.signal : AbortSignal.any([options.signal, failure.signal]);
  const done = new Map<string, number>();
  const fetch = createHubFetch({ ...options, signal });
  const queue = files.values();
  const work = async (): Promise<void> => {
    for (const file of queue) {
      const onBytes = (bytes: number): void => {
        done.set(file.path, bytes);
        options.onBytes(
          [...done.values()].reduce((sum, each) => sum + each, 0),
          file.path,
        );
      };
      await downloadOne(file, { ...options, signal, fetch, onBytes });
    }
  };
  const workers = Array.from({ length: concurrency }, () =>
    work().catch((error: unknown) => {
      failure.abort(error);
      throw error;
    }),
  );
  // WHY allSettled: no worker may write to the disk after this function has thrown. The first error becomes the signal's reason.
  const ends = await Promise.allSettled(workers);
  options.signal?.throwIfAborted();
  if (ends.some(({ status }) => status === 'rejected')) throw failure.signal.reason;
}

interface DownloadOne extends Omit<DownloadAllOptions, 'onBytes'> {
  readonly fetch: typeof fetch;
  readonly onBytes: (bytes: number) => void;
}

async function downloadOne(file: RepositoryFile, options: DownloadOne): Promise<void> {
  const { repository, store, settings, signal } = options;
  await using _ = await acquireLock(store.lockPath(file), options);
  // Another process may have downloaded the file while this one waited for the lock.
  if (!(await store.has(file, signal))) {
    const path = file.path.split('/').map(encodeURIComponent).join('/');
    const url = `${settings.endpoint}/${repository.name}/resolve/${repository.commit}/${path}`;
    await downloadFile(file, { ...options, url, path: store.partialPath(file) });
    await store.adopt(file);
  }
  options.onBytes(file.size);
}
