/** Turns a piece of text, cut out by the pre-tokenizer, into token ids. */
export interface TokenModel {
  /** The parts of a piece that can be tokenized by themselves with the same ids, in order. */
  parts(piece: string): Iterable<string>;
  /** Adds the ids of a part of a piece to the end of `ids`. @throws RangeError if it has an unknown part and no token for that */
  tokenize(part: string, ids: number[]): void;
}

/** The tokens of a model with their ids. */
export type Vocabulary = ReadonlyMap<string, number>;

/** @throws RangeError */
export function unknownId(vocabulary: Vocabulary, token: unknown): number {
  const id = typeof token === 'string' ? vocabulary.get(token) : undefined;
  if (id === undefined) {
    throw new RangeError(
      `the text has an unknown part, and the unknown token ${shown(token)} is not in the vocabulary`,
    );
  }
  return id;
}

function shown(token: unknown): string {
  return typeof token === 'string' ? JSON.stringify(token) : 'is not named and';
}

/** Remembers the ids of short pieces, because words repeat. Holds a bounded number. */
export class PieceCache {
  readonly #ids = new Map<string, readonly number[]>();

  get(piece: string): readonly number[] | undefined {
    return this.#ids.get(piece);
  }

  set(piece: string, ids: readonly number[]): void {
    if (piece.length > longestKept) return;
    // WHY all at once: it happens rarely, and the common words are back after one text.
    if (this.#ids.size >= mostKept) this.#ids.clear();
    this.#ids.set(piece, ids);
  }
}

const longestKept = 64;
const mostKept = 20_000;
