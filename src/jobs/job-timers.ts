/** Calls functions later. Injected, so that tests need no sleeps. */
export interface JobTimers {
  /** @returns a function that cancels the call */
  after(ms: number, run: () => void): () => void;
}

/** Resolves after a time, or at once when the signal is aborted. */
export function passed(ms: number, timers: JobTimers, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted === true) return resolve();
    const done = (): void => {
      cancel();
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const cancel = timers.after(ms, done);
    signal?.addEventListener('abort', done);
  });
}
