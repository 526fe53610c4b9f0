import type { SourceOptions } from '../source/read-stable.ts';

/**
 * For files that a test has just written: by this clock they have settled. To wait is an error, so that no test waits
 * unnoticed.
 */
export const settled = {
  fileClock: { now: () => Date.now() + 60_000, wait: () => Promise.reject(new Error('waited')) },
} as const satisfies SourceOptions;
