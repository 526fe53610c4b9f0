import type { CodeEntry } from './code-entry.ts';

/** Errors of `tensor`. Retired codes are never reused. */
export const tensorCodes = {
  DTYPE_UNSUPPORTED: {
    status: 400,
    retryable: false,
    message: 'The element type {dtype} is not supported for {use}.',
    help: 'An operation does not know this element type. Convert the tensor first, or leave it out.',
  },
} as const satisfies Record<string, CodeEntry>;
