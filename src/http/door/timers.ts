/** Calls back later; injected, so that tests need no sleeps. */
export interface Timers {
  /** @returns takes the call back */
  after(ms: number, run: () => void): () => void;
}

export const systemTimers: Timers = {
  after(ms, run) {
    const timer = setTimeout(run, ms);
    timer.unref();
    return () => clearTimeout(timer);
  },
};
