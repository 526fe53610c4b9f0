import { alpacaFormat } from './alpaca.ts';
import { messagesFormat } from './messages.ts';
import { preferenceFormat } from './preference.ts';
import { promptCompletionFormat } from './prompt-completion.ts';
import type { RowFormat } from './row-format.ts';
import { shareGptFormat } from './sharegpt.ts';
import { textFormat } from './text.ts';
import { tokensFormat } from './tokens.ts';

/** The formats of rows, by the names that `--format` has for them. */
export const rowFormats = {
  messages: messagesFormat,
  'prompt-completion': promptCompletionFormat,
  text: textFormat,
  tokens: tokensFormat,
  sharegpt: shareGptFormat,
  alpaca: alpacaFormat,
  preference: preferenceFormat,
} as const satisfies Readonly<Record<string, RowFormat>>;

export type FormatName = keyof typeof rowFormats;

export const formatNames = [
  'messages',
  'prompt-completion',
  'text',
  'tokens',
  'sharegpt',
  'alpaca',
  'preference',
] as const satisfies readonly FormatName[];
