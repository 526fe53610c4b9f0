import type { CodeEntry } from './code-entry.ts';

/** Errors of `models`. Retired codes are never reused. */
export const modelsCodes = {} as const satisfies Record<string, CodeEntry>;
