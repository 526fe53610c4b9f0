import type { CodeEntry } from './code-entry.ts';

/** Errors of `jinja`. Retired codes are never reused. */
export const jinjaCodes = {
  TEMPLATE_INVALID: {
    status: 400,
    retryable: false,
    message: 'Line {line} of the template cannot be read: {problem}. Correct the template.',
    help: 'A Jinja template has an error of syntax, or a tag that chat templates do not have. Nothing was rendered.',
  },
  TEMPLATE_FAILED: {
    status: 400,
    retryable: false,
    message:
      'Line {line} of the template cannot be rendered: {problem}. Correct the template, or give it the values that it expects.',
    help: "An operation of a Jinja template failed where Python's Jinja2 fails too, needs something that Espalier's evaluator lacks and names, or reached one of its bounds. Nothing was rendered.",
  },
  TEMPLATE_RAISED: {
    status: 400,
    retryable: false,
    message: 'Line {line} of the template refuses the values that it was given: {problem}',
    help: 'The Jinja template called raise_exception. The text after the colon is its own.',
  },
} as const satisfies Record<string, CodeEntry>;
