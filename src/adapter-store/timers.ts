/** Timers, injected so that tests need no sleeps. */
export interface Timers {
  /** Calls `task` once after a time, unless the result is disposed before. */
  after(ms: number, task: () => void): Disposable;
}

/** They do not keep a process alive. */
export const systemTimers: Timers = {
  after(ms, task) {
    const timer = setTimeout(task, ms).unref();
    return { [Symbol.dispose]: () => clearTimeout(timer) };
  },
};
