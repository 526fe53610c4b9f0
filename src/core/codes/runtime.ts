import type { CodeEntry } from './code-entry.ts';

/** Errors of `runtime`. Retired codes are never reused. */
export const runtimeCodes = {} as const satisfies Record<string, CodeEntry>;
