import type { CodeEntry } from './code-entry.ts';

/** Errors of `http`. Retired codes are never reused. */
export const httpCodes = {} as const satisfies Record<string, CodeEntry>;
