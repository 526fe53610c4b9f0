import type { Tokenizer } from '../tokenizer/index.ts';
import type { ReportedToken } from '../service/index.ts';

/** The name of a token in an answer. */
export interface TokenName {
  /** Its text; `bytes:\xe2\x80` if it is not valid text alone; `token_id:7` if its text is unknown. */
  readonly text: string;
  /** Its text in UTF-8, which may contain a part of a character. */
  readonly bytes: readonly number[] | null;
}

/** A token of an answer with its log-probability. */
export interface NamedToken extends TokenName {
  /** Number of code points of the choice's text before it. */
  readonly offset: number;
  /** Absent for the first token of a prompt. */
  readonly logprob?: number;
  /** Likeliest first. */
  readonly top: readonly (TokenName & { readonly logprob: number })[];
}

/** The log-probability of an impossible token. JSON has no infinity, and OpenAI's API uses this number instead. */
const impossible = -9999;

/**
 * Names tokens for an answer with log-probabilities.
 *
 * @param options.asIds names all tokens by their ids, so that no two have the same name
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

/** The number of code points of a text, which is what `len` counts in Python. */
export function countCodePoints(text: string): number {
  let count = 0;
  for (let at = 0; at < text.length; count++) at += (text.codePointAt(at) ?? 0) > 0xffff ? 2 : 1;
  return count;
}
