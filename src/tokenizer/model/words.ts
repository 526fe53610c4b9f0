import { finishNow, type Steps } from '../../core/index.ts';
import { unknownId, type LocatedIds, type TokenModel, type Vocabulary } from './token-model.ts';

/** The settings of a `WordPiece` model in `tokenizer.json`. */
export interface WordPieceSettings {
  readonly unk_token: string;
  readonly continuing_subword_prefix: string;
  readonly max_input_chars_per_word: number;
}

/**
 * The longest token that begins a word, then the longest that continues it, and so on. A word without such tokens is unknown as a whole.
 *
 * @see Wu et al. 2016, "Google's Neural Machine Translation System", section 4.1
 */
export class WordPieces implements TokenModel {
  readonly #vocabulary: Vocabulary;
  readonly #settings: WordPieceSettings;
  /** Units of UTF-16 of the longest token; a character has two. */
  #longest = 2;

  constructor(vocabulary: Vocabulary, settings: WordPieceSettings) {
    this.#vocabulary = vocabulary;
    this.#settings = settings;
    for (const token of vocabulary.keys()) this.#longest = Math.max(this.#longest, token.length);
  }

  parts(piece: string): readonly string[] {
    return [piece];
  }

  tokenize(piece: string, ids: number[]): void {
    finishNow(this.tokenizeSteps(piece, ids));
  }

  *tokenizeSteps(piece: string, ids: number[]): Steps<void> {
    const found = yield* this.#tokens(piece);
    for (const each of found?.ids ?? [this.#unknown()]) ids.push(each);
  }

  *locate(piece: string, { ids, spans }: LocatedIds): Steps<void> {
    const found = yield* this.#tokens(piece);
    if (found === undefined) {
      ids.push(this.#unknown());
      spans.push(0, Buffer.byteLength(piece));
      return;
    }
    let [at, byte] = [0, 0];
    for (const [i, end] of found.ends.entries()) {
      const size = Buffer.byteLength(piece.slice(at, end));
      ids.push(found.ids[i] ?? 0);
      spans.push(byte, byte + size);
      [at, byte] = [end, byte + size];
    }
  }

  #unknown(): number {
    return unknownId(this.#vocabulary, this.#settings.unk_token);
  }

  *#tokens(piece: string): Steps<FoundWords | undefined> {
    const { max_input_chars_per_word: most } = this.#settings;
    return piece.length > 2 * most || [...piece].length > most ? undefined : yield* this.#split(piece);
  }

  *#split(word: string): Steps<FoundWords | undefined> {
    const { continuing_subword_prefix: prefix } = this.#settings;
    const ids: number[] = [];
    const ends: number[] = [];
    for (let start = 0; start < word.length;) {
      let end = this.#longestEnd(word, start);
      let id: number | undefined;
      while (end > start) {
        id = this.#vocabulary.get(start > 0 ? prefix + word.slice(start, end) : word.slice(start, end));
        if (id !== undefined) break;
        end -= isLow(word.charCodeAt(end - 1)) ? 2 : 1;
      }
      if (id === undefined) return undefined;
      ids.push(id);
      ends.push(end);
      start = end;
      if (ids.length % wordsPerStep === 0) yield;
    }
    return { ids, ends };
  }

  /** Where the longest token at a place could end: a word may be as long as the file allows, and tokens are short. */
  #longestEnd(word: string, start: number): number {
    const end = Math.min(word.length, start + this.#longest);
    return end > start + 1 && isLow(word.charCodeAt(end)) ? end - 1 : end;
  }
}

/** The tokens of a word, and where each ends. */
interface FoundWords {
  readonly ids: readonly number[];
  readonly ends: readonly number[];
}

/** Some hundred microseconds of work. */
const wordsPerStep = 64;

function isLow(unit: number): boolean {
  return unit >= 0xdc00 && unit < 0xe000;
}

/** Whole words only. */
export class WordLevel implements TokenModel {
  readonly #vocabulary: Vocabulary;
  readonly #unknown: unknown;

  constructor(vocabulary: Vocabulary, unknown: unknown) {
    this.#vocabulary = vocabulary;
    this.#unknown = unknown;
  }

  parts(piece: string): readonly string[] {
    return [piece];
  }

  tokenize(piece: string, ids: number[]): void {
    ids.push(this.#vocabulary.get(piece) ?? unknownId(this.#vocabulary, this.#unknown));
  }

  *tokenizeSteps(piece: string, ids: number[]): Steps<void> {
    this.tokenize(piece, ids);
    yield;
  }

  *locate(piece: string, { ids, spans }: LocatedIds): Steps<void> {
    this.tokenize(piece, ids);
    spans.push(0, Buffer.byteLength(piece));
    yield;
  }
}
