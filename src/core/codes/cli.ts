import type { CodeEntry } from './code-entry.ts';

/** Errors of `cli`. Retired codes are never reused. */
export const cliCodes = {} as const satisfies Record<string, CodeEntry>;
