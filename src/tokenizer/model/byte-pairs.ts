import { maxMerges, mergePairs } from './merge-queue.ts';
import { PairTable } from './pair-table.ts';
import { PieceCache, unknownId, type TokenModel, type Vocabulary } from './token-model.ts';

/** The settings of a `BPE` model in `tokenizer.json`, besides its vocabulary and merges. */
export interface BytePairSettings {
  readonly unk_token?: string | null | undefined;
  readonly continuing_subword_prefix?: string | null | undefined;
  readonly end_of_word_suffix?: string | null | undefined;
  readonly fuse_unk?: boolean | null | undefined;
  readonly byte_fallback?: boolean | null | undefined;
  readonly ignore_merges?: boolean | null | undefined;
}

/** The tokens of a `BPE` model and the pairs that become one, the first of them first. */
export interface BytePairTokens {
  readonly vocabulary: Vocabulary;
  /** The tokens by id. */
  readonly tokens: readonly string[];
  readonly merges: readonly unknown[];
}

/** Writes a space as sentencepiece does. */
const spaceMark = '\u2581';

/** Byte-pair encoding: the characters of a piece are merged by rank. */
export class BytePairs implements TokenModel {
  readonly #vocabulary: Vocabulary;
  readonly #merges: PairTable;
  readonly #settings: BytePairSettings;
  readonly #bytes: readonly (number | undefined)[];
  readonly #isCutAtSpaces: boolean;
  readonly #cache = new PieceCache();

  /** @throws RangeError if a merge names a token that is not in the vocabulary */
  constructor(given: BytePairTokens, settings: BytePairSettings) {
    const { vocabulary } = given;
    this.#vocabulary = vocabulary;
    this.#settings = settings;
    this.#bytes = Array.from({ length: 256 }, (_, byte) => vocabulary.get(byteToken(byte)));
    const { table, crossesSpaces } = readMerges(given, settings.continuing_subword_prefix ?? '');
    this.#merges = table;
    const isPlain = !settings.continuing_subword_prefix && !settings.end_of_word_suffix;
    this.#isCutAtSpaces = isPlain && !crossesSpaces && vocabulary.has(spaceMark);
  }

  tokenize(piece: string, ids: number[]): void {
    const whole = this.#settings.ignore_merges === true ? this.#vocabulary.get(piece) : undefined;
    if (whole !== undefined) ids.push(whole);
    else if (this.#isCutAtSpaces) this.#tokenizeWords(piece, ids);
    else this.#tokenizeWord(piece, ids);
  }

  /**
   * WHY words: a sentencepiece text is one piece. No merge joins a character with a space after it, so each word can be merged by itself,
   * and words repeat.
   */
  #tokenizeWords(piece: string, ids: number[]): void {
    let start = 0;
    for (let at = piece.indexOf(spaceMark, 1); at > 0; at = piece.indexOf(spaceMark, at + 1)) {
      if (piece.charAt(at - 1) === spaceMark) continue;
      this.#tokenizeWord(piece.slice(start, at), ids);
      start = at;
    }
    this.#tokenizeWord(start === 0 ? piece : piece.slice(start), ids);
  }

  #tokenizeWord(word: string, ids: number[]): void {
    const known = this.#cache.get(word);
    if (known !== undefined) {
      for (const id of known) ids.push(id);
      return;
    }
    const merged: number[] = [];
    mergePairs(this.#symbols(word), this.#merges, merged);
    this.#cache.set(word, merged);
    for (const id of merged) ids.push(id);
  }

  /** The ids of the characters: a token for it, or tokens for its bytes, or the unknown token, or nothing. */
  #symbols(word: string): number[] {
    const { continuing_subword_prefix: prefix, end_of_word_suffix: suffix, unk_token: unknown } = this.#settings;
    const symbols: number[] = [];
    let pending: number | undefined;
    for (let at = 0; at < word.length;) {
      const end = at + (word.charCodeAt(at) >= 0xd800 && word.charCodeAt(at) < 0xdc00 ? 2 : 1);
      let character = word.slice(at, end);
      if (prefix && at > 0) character = prefix + character;
      if (suffix && end >= word.length) character += suffix;
      at = end;
      const id = this.#vocabulary.get(character);
      if (id !== undefined) {
        if (pending !== undefined) symbols.push(pending);
        pending = undefined;
        symbols.push(id);
        continue;
      }
      const bytes = this.#settings.byte_fallback === true ? this.#byteIds(character) : undefined;
      if (bytes !== undefined) {
        symbols.push(...bytes);
      } else if (typeof unknown === 'string') {
        // WHY it waits: unknown characters beside each other may become one token, and bytes come before it, as in the Rust library.
        if (pending !== undefined && this.#settings.fuse_unk !== true) symbols.push(pending);
        pending = unknownId(this.#vocabulary, unknown);
      }
    }
    if (pending !== undefined) symbols.push(pending);
    return symbols;
  }

  #byteIds(character: string): number[] | undefined {
    const ids: number[] = [];
    for (const byte of utf8.encode(character)) {
      const id = this.#bytes[byte];
      if (id === undefined) return undefined;
      ids.push(id);
    }
    return ids;
  }
}

const utf8 = new TextEncoder();

export function byteToken(byte: number): string {
  return `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`;
}

function readMerges(
  { vocabulary, tokens, merges }: BytePairTokens,
  prefix: string,
): { table: PairTable; crossesSpaces: boolean } {
  if (merges.length > maxMerges)
    throw new RangeError(`it has ${merges.length} merges, and at most ${maxMerges} are read`);
  const table = new PairTable(merges.length);
  let crossesSpaces = false;
  let result = 0;
  for (const [rank, merge] of merges.entries()) {
    const [left, right] = readMerge(merge, rank);
    if (!right.startsWith(prefix)) {
      throw new RangeError(
        `its merge ${rank} continues with ${JSON.stringify(right)}, which does not begin with ${JSON.stringify(prefix)}`,
      );
    }
    const rest = prefix === '' ? right : right.slice(prefix.length);
    // WHY a guess: merges mostly come in the order of their tokens, and to look at the next tokens is faster than to look up the text.
    if (!isMerged(tokens[result], left, rest)) result++;
    if (!isMerged(tokens[result], left, rest)) result = idOf(left + rest, vocabulary);
    table.set(idOf(left, vocabulary), idOf(right, vocabulary), rank, result);
    crossesSpaces ||= right.startsWith(spaceMark) && !left.endsWith(spaceMark);
  }
  return { table, crossesSpaces };
}

function isMerged(token: string | undefined, left: string, right: string): boolean {
  return token?.length === left.length + right.length && token.startsWith(left) && token.endsWith(right);
}

function idOf(token: string, vocabulary: Vocabulary): number {
  const id = vocabulary.get(token);
  if (id === undefined) throw new RangeError(`its merges name ${JSON.stringify(token)}, which is not in its vocab`);
  return id;
}

/** A merge has two texts. In old files it is one text with a space between them. */
function readMerge(merge: unknown, rank: number): readonly [string, string] {
  if (typeof merge === 'string') {
    const space = merge.indexOf(' ', 1);
    if (space > 0 && !merge.includes(' ', space + 1)) return [merge.slice(0, space), merge.slice(space + 1)];
  } else if (Array.isArray(merge) && merge.length === 2) {
    const [left, right]: unknown[] = merge;
    if (typeof left === 'string' && typeof right === 'string') return [left, right];
  }
  throw new RangeError(`its merge ${rank} is ${JSON.stringify(merge)?.slice(0, 60)}, expected two texts`);
}
