import type { CodeEntry } from './code-entry.ts';

/** Errors of `serve`. Retired codes are never reused. */
export const serveCodes = {} as const satisfies Record<string, CodeEntry>;
