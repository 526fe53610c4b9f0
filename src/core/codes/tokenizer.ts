import type { CodeEntry } from './code-entry.ts';

/** Errors of `tokenizer`. Retired codes are never reused. */
export const tokenizerCodes = {
  TOKENIZER_INVALID: {
    status: 400,
    retryable: false,
    message: 'The tokenizer file {path} cannot be used: {problem}. Copy it again from where the model came from.',
    help: 'A file of the tokenizer is not JSON, lacks a part, or names a token that the vocabulary does not have. A folder without tokenizer.json is fine: it serves token ids.',
  },
  CHAT_TEMPLATE_MISSING: {
    status: 400,
    retryable: false,
    message:
      'The model in {path} has no chat template, so messages cannot be rendered. Use a plain prompt, or add chat_template.jinja.',
    help: 'Chat messages need a template, in tokenizer_config.json or chat_template.jinja. Text and token ids work without one.',
  },
  CHAT_TEMPLATE_FAILED: {
    status: 400,
    retryable: false,
    message:
      "The chat template of {path} refuses these messages: {problem}. Check the messages' roles and their order.",
    help: 'The template raised an error of its own (many ask that user and assistant take turns), or it cannot be parsed.',
  },
} as const satisfies Record<string, CodeEntry>;
