import type { Tokenizer } from '../../tokenizer/index.ts';
import type { ReportedToken } from '../../service/index.ts';

/** What a token is called in an answer. */
export interface TokenName {
  /** Its text; `bytes:\xe2\x80` where it is no whole text, and `token_id:7` where nothing is known of it. */
  readonly text: string;
  /** Its text in UTF-8, of which it may hold a part of a character. */
  readonly bytes: readonly number[] | null;
}

/** A token of an answer with its log-probability. */
export interface NamedToken extends TokenName {
  /** Code points of the choice's text before it. */
  readonly offset: number;
  /** The first token of a prompt has none. */
  readonly logprob?: number;
  /** Likeliest first. */
  readonly top: readonly (TokenName & { readonly logprob: number })[];
}

/** The log-probability of what cannot come: JSON knows no infinity, and OpenAI's API says this number instead. */
const impossible = -9999;

/**
 * Names tokens for an answer that tells their log-probabilities.
 *
 * @param options.asIds  name all of them by their ids, so that no two have one name
 */
export function createTokenNames(
  tokenizer: Tokenizer | undefined,
  { asIds }: { readonly asIds: boolean },
): { nameOf(token: ReportedToken, offset: number): NamedToken } {
  const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  const textOf = (bytes: Uint8Array): string => {
    try {
      return utf8.decode(bytes);
    } catch {
      return `bytes:${Array.from(bytes, (byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('')}`;
    }
  };
  const nameOfId = (id: number): TokenName => {
    const bytes = tokenizer?.tokenBytes(id);
    const text = bytes === undefined || asIds ? `token_id:${id}` : textOf(bytes);
    return { text, bytes: bytes === undefined ? null : [...bytes] };
  };
  return {
    nameOf({ token, logprob, topLogprobs = [] }, offset) {
      const top = topLogprobs.map((one) => ({ ...nameOfId(one.token), logprob: Math.max(one.logprob, impossible) }));
      const own = logprob === undefined ? {} : { logprob: Math.max(logprob, impossible) };
      return { ...nameOfId(token), ...own, offset, top };
    },
  };
}

/** How many code points a text has: what `len` counts in Python. */
export function countCodePoints(text: string): number {
  let count = 0;
  for (let at = 0; at < text.length; count++) at += (text.codePointAt(at) ?? 0) > 0xffff ? 2 : 1;
  return count;
}
