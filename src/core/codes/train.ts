import type { CodeEntry } from './code-entry.ts';

/** Errors of `train`. Retired codes are never reused. */
export const trainCodes = {} as const satisfies Record<string, CodeEntry>;
