import type { CodeEntry } from './code-entry.ts';

/** Errors of `tokenizer`. Retired codes are never reused. */
export const tokenizerCodes = {
  TOKENIZER_MISSING: {
    status: 400,
    retryable: false,
    message: 'The base in {path} has no tokenizer. Give token ids, or add its tokenizer.json.',
    help: 'A text was given to a base whose folder has no tokenizer. Nothing was run.',
  },
  TOKENIZER_INVALID: {
    status: 400,
    retryable: false,
    message: 'The tokenizer file {path} cannot be used: {problem}. Copy it again from the source of the model.',
    help: 'A file of the tokenizer is not JSON, is incomplete, or names a token that is not in the vocabulary. A folder without tokenizer.json is valid; such a model takes only token ids.',
  },
  CHAT_TEMPLATE_MISSING: {
    status: 400,
    retryable: false,
    message:
      'The model in {path} has no chat template, so messages cannot be rendered. Use a plain prompt, or add chat_template.jinja.',
    help: 'Chat messages need a template in tokenizer_config.json or chat_template.jinja. Text and token ids need none.',
  },
  CHAT_TEMPLATE_FAILED: {
    status: 400,
    retryable: false,
    message:
      "The chat template of {path} refuses these messages: {problem}. Check the messages' roles and their order.",
    help: 'The template called raise_exception. Many templates require that user and assistant alternate.',
  },
  CHAT_TEMPLATE_INVALID: {
    status: 400,
    retryable: false,
    message:
      'The chat template of {path} cannot be used, line {line}: {problem}. Correct the template, or send plain prompts.',
    help: "The template has an error of syntax, fails where Python's Jinja2 fails too, needs something of Jinja2 that Espalier lacks and names, or reached one of the bounds of `docs/chat-templates.md`. Nothing was run.",
  },
} as const satisfies Record<string, CodeEntry>;
