import { fromByteLevel } from './byte-level.ts';
import type { Decoding } from './decoding/read-decoder.ts';
import { byteOf, isByteToken } from './decoding/stage.ts';
import { TokenDecoder } from './stream-decoder.ts';
import type { TokenTable } from './token-table.ts';

/** What each token of a tokenizer stands for. Tokenizers that differ only in their chat templates have one in common. */
export interface TokenVocabulary {
  /** One more than the largest id. */
  readonly size: number;
  /** Whether the text of tokens is the bytes of each, one after the other; the first token may lose its space. */
  readonly isConcatenated: boolean;
  /** The bytes of a token by itself, as `Tokenizer.tokenBytes` gives them. */
  bytesOf(id: number): Uint8Array | undefined;
  /** Whether decoding may leave a token out. */
  isSpecial(id: number): boolean;
}

/** Reads tokens as a decoder does. */
export class DecodedVocabulary implements TokenVocabulary {
  readonly size: number;
  readonly isConcatenated: boolean;
  readonly #tokens: TokenTable;
  readonly #decoding: Decoding;

  constructor(tokens: TokenTable, decoding: Decoding) {
    this.size = tokens.size;
    this.isConcatenated = decoding.isLocal;
    this.#tokens = tokens;
    this.#decoding = decoding;
  }

  isSpecial(id: number): boolean {
    const token = this.#tokens.writtenOf(id);
    return token !== undefined && this.#tokens.isSpecial(token);
  }

  bytesOf(id: number): Uint8Array | undefined {
    const token = this.#tokens.writtenOf(id);
    if (token === undefined) return undefined;
    const { bytes } = this.#decoding;
    if (bytes === 'fallback' && isByteToken(token)) return Uint8Array.of(byteOf(token));
    const read = bytes === 'level' ? fromByteLevel(token) : undefined;
    if (read !== undefined) return read;
    // WHY after another token: the first token of a text loses its space.
    const before = this.#decode(['a']);
    return new TextEncoder().encode(this.#decode(['a', token]).slice(before.length));
  }

  #decode(tokens: readonly string[]): string {
    const decoder = new TokenDecoder(this.#decoding);
    let text = '';
    for (const token of tokens) text += decoder.push(token);
    return text + decoder.end();
  }
}
