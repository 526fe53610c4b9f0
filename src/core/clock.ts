/** Monotonic time in milliseconds, injected so that tests need no sleeps. */
export interface Clock {
  now(): number;
}

export const systemClock: Clock = { now: () => performance.now() };
