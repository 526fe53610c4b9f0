import type { CodeEntry } from './code-entry.ts';

/** Errors of `constrain`. Retired codes are never reused. */
export const constrainCodes = {
  CONSTRAINT_INVALID: {
    status: 400,
    retryable: false,
    message: 'The form of the answer is not valid: {problem} at {place}. Correct it.',
    help: 'A JSON schema or a regular expression that an answer should follow has an error. Nothing was run.',
  },
  CONSTRAINT_UNSUPPORTED: {
    status: 400,
    retryable: false,
    message: 'The form of the answer cannot be kept: {problem} at {place}. Leave it out, or write it in another way.',
    help: 'An answer that follows a form follows all of it, so a keyword of JSON schema or a construct of regular expressions that cannot be kept exactly is refused by its name. `docs/structured-output.md` lists what is supported. Nothing was run.',
  },
  CONSTRAINT_TOO_LARGE: {
    status: 400,
    retryable: false,
    message: 'The form of the answer is too large: {what} go beyond {limit}. Make it simpler.',
    help: 'The size of a form, and the work that one token of an answer may cost, are limited, so that no request holds up the others. If the work of a token goes beyond the limit, only this request fails.',
  },
  CONSTRAINT_UNWRITABLE: {
    status: 400,
    retryable: false,
    message: 'The tokenizer of this model cannot write what the form of the answer requires: {problem}.',
    help: 'The vocabulary has no token with which the answer could begin, continue or end, or its tokens have no text of their own. Use another model for this form.',
  },
} as const satisfies Record<string, CodeEntry>;
