/** Calls functions later. Injected, so that tests need no sleeps. */
export interface Timers {
  /** @returns a function that cancels the call */
  after(ms: number, run: () => void): () => void;
}

export const systemTimers: Timers = {
  after(ms, run) {
    const timer = setTimeout(run, ms);
    timer.unref();
    return () => clearTimeout(timer);
  },
};
