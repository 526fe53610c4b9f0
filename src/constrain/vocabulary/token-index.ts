import { EspalierError, type Steps } from '../../core/index.ts';
import type { TokenVocabulary } from '../../tokenizer/index.ts';
import { normalRanges, type Range } from '../automaton/symbol-set.ts';
import { plainLength } from './plain-text.ts';
import { buildTrie, type TokenTrie } from './token-trie.ts';

/**
 * The tokens of a vocabulary by their bytes. Special tokens are in none of its lists.
 *
 * WHY two trees: most tokens stand for themselves inside a JSON string, and there they are allowed without a look at their bytes.
 */
export interface TokenIndex {
  /** One more than the largest id. */
  readonly size: number;
  /** Tokens that stand for themselves inside a JSON string. */
  readonly plain: TokenTrie;
  /** The same tokens by how many characters they have, shortest first. */
  readonly plainByLength: Int32Array;
  /** How many of `plainByLength` have at most so many characters. */
  readonly plainUpTo: Int32Array;
  /** The other tokens. */
  readonly other: TokenTrie;
  /** The bytes that tokens have, as ranges in order. */
  readonly writable: readonly Range[];
  /** Longest token, in bytes. */
  readonly longest: number;
  /** @returns empty for a token without text */
  bytesOf(id: number): Uint8Array;
}

/**
 * Reads all tokens of a vocabulary.
 * @throws EspalierError CONSTRAINT_UNWRITABLE where the text of a token depends on its neighbours
 */
export function* buildTokenIndex(vocabulary: TokenVocabulary): Steps<TokenIndex> {
  if (!vocabulary.isConcatenated) {
    throw new EspalierError('CONSTRAINT_UNWRITABLE', {
      problem: 'the text of a token depends on the tokens around it',
    });
  }
  const { size } = vocabulary;
  const texts = new TokenTexts(size);
  const [plain, other]: [number[][], number[]] = [[], []];
  for (let id = 0; id < size; id++) {
    const bytes = vocabulary.isSpecial(id) ? none : (vocabulary.bytesOf(id) ?? none);
    texts.add(bytes);
    if (id % 128 === 0) yield;
    if (bytes.length === 0) continue;
    const length = plainLength(bytes);
    if (length === undefined) other.push(id);
    else (plain[length] ??= []).push(id);
  }
  const byLength = Array.from({ length: plain.length }, (_, length) => plain[length] ?? []);
  const bytesOf = (id: number): Uint8Array => texts.of(id);
  const plainTrie = yield* buildTrie(byLength.flat(), bytesOf);
  const otherTrie = yield* buildTrie(other, bytesOf);
  let count = 0;
  return {
    size,
    plain: plainTrie,
    plainByLength: Int32Array.from(byLength.flat()),
    plainUpTo: Int32Array.from(byLength, (ids) => (count += ids.length)),
    other: otherTrie,
    writable: rangesOf(plainTrie, otherTrie),
    longest: Math.max(plainTrie.longest, otherTrie.longest),
    bytesOf,
  };
}

function rangesOf(...tries: readonly TokenTrie[]): Range[] {
  const bytes = new Set(tries.flatMap(({ byte }) => [...new Set(byte)]));
  return normalRanges(Array.from(bytes, (byte): Range => [byte, byte]));
}

const none = new Uint8Array(0);

/** The bytes of all tokens, one after the other. WHY not an array each: a hundred thousand of these take several times their bytes. */
class TokenTexts {
  #bytes = new Uint8Array(65_536);
  readonly #ends: Int32Array;
  #count = 0;

  constructor(size: number) {
    this.#ends = new Int32Array(size);
  }

  add(bytes: Uint8Array): void {
    const start = this.#ends[this.#count - 1] ?? 0;
    const end = start + bytes.length;
    if (end > this.#bytes.length) {
      const grown = new Uint8Array(2 * end);
      grown.set(this.#bytes);
      this.#bytes = grown;
    }
    this.#bytes.set(bytes, start);
    this.#ends[this.#count++] = end;
  }

  of(id: number): Uint8Array {
    return this.#bytes.subarray(this.#ends[id - 1] ?? 0, this.#ends[id] ?? 0);
  }
}
