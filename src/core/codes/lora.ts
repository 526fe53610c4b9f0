import type { CodeEntry } from './code-entry.ts';

/** Errors of `lora`. Retired codes are never reused. */
export const loraCodes = {} as const satisfies Record<string, CodeEntry>;
