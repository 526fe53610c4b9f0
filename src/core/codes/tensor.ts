import type { CodeEntry } from './code-entry.ts';

/** Errors of `tensor`. Retired codes are never reused. */
export const tensorCodes = {} as const satisfies Record<string, CodeEntry>;
