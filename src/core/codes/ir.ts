import type { CodeEntry } from './code-entry.ts';

/** Errors of `ir`. Retired codes are never reused. */
export const irCodes = {} as const satisfies Record<string, CodeEntry>;
