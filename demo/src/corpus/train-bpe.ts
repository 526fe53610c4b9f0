import { byteLevelCharacter } from 'espalier/tokenizer';

export interface BpeVocabulary {
  /** Tokens in the order of their ids: special tokens, the 256 bytes, then one for each merge. */
  readonly tokens: readonly string[];
  /** Pairs of tokens that are merged, most frequent first. */
  readonly merges: readonly (readonly [left: string, right: string])[];
}

export interface BpeOptions {
  readonly vocabSize: number;
  readonly specialTokens: readonly string[];
}

/** Splits a text into words as byte-level tokenizers do: a space belongs to the word after it. */
const wordPattern = /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+/gu;

interface Word {
  readonly count: number;
  /** Ids of the current tokens of the word. */
  symbols: number[];
}

/** A pair of token ids as one number. Vocabularies are far below 2 ** 20. */
const pairKey = (left: number, right: number): number => left * 2 ** 20 + right;

/**
 * Trains a byte-level BPE vocabulary. It begins with bytes and repeatedly merges the most frequent pair of adjacent tokens; of equally
 * frequent pairs, the one with the older tokens. It stops early if no pair occurs twice.
 *
 * @see Sennrich et al. 2016, "Neural machine translation of rare words with subword units", §3.2
 */
export function trainBpe(texts: Iterable<string>, { vocabSize, specialTokens }: BpeOptions): BpeVocabulary {
  const bytes = Array.from({ length: 256 }, (_, byte) => byteLevelCharacter(byte));
  const tokens = [...specialTokens, ...bytes];
  const merges: (readonly [string, string])[] = [];
  const words = countWords(texts, specialTokens.length);
  const pairs = new PairCounts(words);
  while (tokens.length < vocabSize) {
    const best = pairs.mostFrequent();
    if (best === undefined) break;
    const [left, right] = [tokens[best.left] ?? '', tokens[best.right] ?? ''];
    pairs.merge(best.left, best.right, tokens.length);
    merges.push([left, right]);
    tokens.push(left + right);
  }
  return { tokens, merges };
}

function countWords(texts: Iterable<string>, firstByteId: number): Word[] {
  const counts = new Map<string, number>();
  for (const text of texts) {
    for (const [word] of text.matchAll(wordPattern)) counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  const encoder = new TextEncoder();
  return [...counts].map(([word, count]) => ({
    count,
    symbols: Array.from(encoder.encode(word), (byte) => firstByteId + byte),
  }));
}

/** The frequency of each pair of adjacent tokens, and the words that contain it. Both are updated by each merge. */
class PairCounts {
  readonly #counts = new Map<number, number>();
  readonly #words = new Map<number, Set<Word>>();

  constructor(words: readonly Word[]) {
    for (const word of words) this.#add(word, 1);
  }

  mostFrequent(): { left: number; right: number } | undefined {
    let [best, bestCount] = [-1, 1];
    for (const [pair, count] of this.#counts) {
      if (count > bestCount || (count === bestCount && best >= 0 && pair < best)) [best, bestCount] = [pair, count];
    }
    return best < 0 ? undefined : { left: Math.floor(best / 2 ** 20), right: best % 2 ** 20 };
  }

  /** Merges every `left right` into `joined`, in all words that contain the pair. */
  merge(left: number, right: number, joined: number): void {
    for (const word of this.#words.get(pairKey(left, right)) ?? []) {
      this.#add(word, -1);
      word.symbols = joinPair(word.symbols, left, right, joined);
      this.#add(word, 1);
    }
    this.#counts.delete(pairKey(left, right));
    this.#words.delete(pairKey(left, right));
  }

  #add(word: Word, sign: 1 | -1): void {
    const { count, symbols } = word;
    for (let i = 0; i + 1 < symbols.length; i++) {
      const pair = pairKey(symbols[i] ?? 0, symbols[i + 1] ?? 0);
      this.#counts.set(pair, (this.#counts.get(pair) ?? 0) + sign * count);
      if (sign < 0) continue;
      const words = this.#words.get(pair) ?? new Set();
      this.#words.set(pair, words.add(word));
    }
  }
}

function joinPair(symbols: readonly number[], left: number, right: number, joined: number): number[] {
  const result: number[] = [];
  for (let i = 0; i < symbols.length; i++) {
    const symbol = symbols[i] ?? 0;
    const isPair = symbol === left && symbols[i + 1] === right;
    result.push(isPair ? joined : symbol);
    if (isPair) i++;
  }
  return result;
}
