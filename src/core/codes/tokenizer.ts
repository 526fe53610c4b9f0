import type { CodeEntry } from './code-entry.ts';

/** Errors of `tokenizer`. Retired codes are never reused. */
export const tokenizerCodes = {} as const satisfies Record<string, CodeEntry>;
