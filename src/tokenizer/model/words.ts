import { unknownId, type TokenModel, type Vocabulary } from './token-model.ts';

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

  constructor(vocabulary: Vocabulary, settings: WordPieceSettings) {
    this.#vocabulary = vocabulary;
    this.#settings = settings;
  }

  parts(piece: string): readonly string[] {
    return [piece];
  }

  tokenize(piece: string, ids: number[]): void {
    const { unk_token: unknown, max_input_chars_per_word: most } = this.#settings;
    const found = piece.length > 2 * most || [...piece].length > most ? undefined : this.#split(piece);
    if (found === undefined) ids.push(unknownId(this.#vocabulary, unknown));
    else ids.push(...found);
  }

  #split(word: string): number[] | undefined {
    const { continuing_subword_prefix: prefix } = this.#settings;
    const ids: number[] = [];
    for (let start = 0; start < word.length;) {
      let end = word.length;
      let id: number | undefined;
      while (end > start) {
        id = this.#vocabulary.get(start > 0 ? prefix + word.slice(start, end) : word.slice(start, end));
        if (id !== undefined) break;
        end -= isLow(word.charCodeAt(end - 1)) ? 2 : 1;
      }
      if (id === undefined) return undefined;
      ids.push(id);
      start = end;
    }
    return ids;
  }
}

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
}
