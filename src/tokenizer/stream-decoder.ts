import type { Fuse } from './decoding/fuse.ts';
import type { Decoding } from './decoding/read-decoder.ts';
import { isByteToken, type Stage } from './decoding/stage.ts';

/** Decodes tokens to text one by one. Text that it has returned never changes. */
export interface StreamDecoder {
  /** Takes the next token and returns the text that has become final: often that of this token, sometimes ''. */
  push(id: number): string;
  /** Returns the remaining text and resets the decoder. A character with missing bytes becomes U+FFFD. */
  end(): string;
}

/** Runs the steps of decoding over the texts of tokens. */
export class TokenDecoder {
  readonly #stages: readonly Stage[];
  readonly #fuse: Fuse;

  constructor({ stages, fuse }: Decoding) {
    this.#stages = stages.map((create) => create());
    this.#fuse = fuse();
  }

  push(token: string): string {
    return this.#stages.length === 0 ? this.#fuse.push(token) : this.#pass([token], 0);
  }

  end(): string {
    let text = '';
    for (const [index, stage] of this.#stages.entries()) text += this.#pass(stage.end(), index + 1);
    return text + this.#fuse.end();
  }

  #pass(tokens: readonly string[], from: number): string {
    let passing = tokens;
    for (let at = from; at < this.#stages.length; at++)
      passing = passing.flatMap((token) => this.#stages[at]?.push(token) ?? []);
    let text = '';
    for (const token of passing) text += this.#fuse.push(token);
    return text;
  }
}

/** How many tokens before a text can still change its beginning. A character has at most four bytes. */
const tailLength = 16;

/**
 * Decodes tokens one by one, after tokens whose text is known.
 *
 * @param tokenOf  returns undefined for an id without text (a skipped special token, or one outside the vocabulary)
 * @param after    the tokens before. Because of them a text keeps its leading space, and a character may lie across the border.
 */
export function createStreamDecoder(
  decoding: Decoding,
  tokenOf: (id: number) => string | undefined,
  after: readonly number[],
): StreamDecoder {
  const decoder = new TokenDecoder(decoding);
  let known = knownLength(
    decoding,
    decoder,
    after.map(tokenOf).filter((token) => token !== undefined),
  );
  const fresh = (text: string): string => {
    const begun = text.slice(known);
    known = Math.max(0, known - text.length);
    return begun;
  };
  return {
    push(id) {
      const token = tokenOf(id);
      return token === undefined ? '' : fresh(decoder.push(token));
    },
    end() {
      const rest = fresh(decoder.end());
      known = 0;
      return rest;
    },
  };
}

/** Gives a decoder the tokens before. @returns how much of what it gives next is text of these tokens */
function knownLength(decoding: Decoding, decoder: TokenDecoder, before: readonly string[]): number {
  const tail = decoding.isHeld ? before : tailOf(before);
  const alone = new TokenDecoder(decoding);
  let given = 0;
  for (const token of tail) {
    given += decoder.push(token).length;
    alone.push(token);
  }
  const whole = given + alone.end().replace(/\ufffd+$/, '').length;
  return whole - given;
}

/** The last tokens, and all of a run of byte tokens, whose text is decided at its end. */
function tailOf(tokens: readonly string[]): readonly string[] {
  let start = Math.max(0, tokens.length - tailLength);
  while (start > 0 && isByteToken(tokens[start] ?? '')) start--;
  return tokens.slice(start);
}
