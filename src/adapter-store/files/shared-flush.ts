import type { StoreFiles } from './store-files.ts';

/**
 * Flushes folders that many publications change at once. A flush that begins after a change covers it, so callers that come while one
 * runs share the next one.
 */
export class SharedFlush {
  readonly #files: Pick<StoreFiles, 'flush'>;
  readonly #running = new Map<string, { readonly now: Promise<void>; next: Promise<void> | undefined }>();

  constructor(files: Pick<StoreFiles, 'flush'>) {
    this.#files = files;
  }

  /** Resolves when every change of the folder's names before the call is on the disk. */
  flush(folder: string): Promise<void> {
    const running = this.#running.get(folder);
    if (running === undefined) return this.#begin(folder);
    running.next ??= running.now.then(
      () => this.#begin(folder),
      () => this.#begin(folder),
    );
    return running.next;
  }

  #begin(folder: string): Promise<void> {
    const now = this.#files.flush(folder);
    const entry: { now: Promise<void>; next: Promise<void> | undefined } = { now, next: undefined };
    this.#running.set(folder, entry);
    const end = (): void => {
      if (entry.next === undefined && this.#running.get(folder) === entry) this.#running.delete(folder);
    };
    now.then(end, end);
    return now;
  }
}
