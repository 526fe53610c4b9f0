import type { CodeEntry } from './code-entry.ts';

/** Errors of `autodiff`. Retired codes are never reused. */
export const autodiffCodes = {} as const satisfies Record<string, CodeEntry>;
