import { EspalierError } from '../core/index.ts';

/** A text, or token ids. */
export type TextOrTokens = string | readonly number[];

/** No common tokenizer has more characters of real text per token; only runs of spaces come close. */
const charactersPerToken = 32;

/**
 * Refuses a text that cannot fit into the context before it is tokenized. The engine checks the number of token ids. WHY: the tokenizer
 * runs on the event loop, and a text of megabytes would delay all other requests.
 *
 * @throws EspalierError TEXT_TOO_LONG
 */
export function checkTextLength(text: TextOrTokens, param: string, maxLength: number): void {
  const most = maxLength * charactersPerToken;
  if (typeof text !== 'string' || text.length <= most) return;
  throw new EspalierError('TEXT_TOO_LONG', { param, length: text.length, most, limit: maxLength });
}

/** Fields beside the messages. */
const otherBytes = 2 ** 16;
/** The characters of a token in the longest escapes (6 bytes each), and the frame of a message without text. */
const bytesPerToken = 6 * charactersPerToken + 64;

/** The most bytes of the body of a chat, from the context. No chat within the other limits needs more. */
export function chatBodyLimit(maxLength: number, most: number): number {
  return Math.min(most, otherBytes + maxLength * bytesPerToken);
}
