import type { Steps } from '../../core/index.ts';

/** Turns a piece of text, cut out by the pre-tokenizer, into token ids. */
export interface TokenModel {
  /** The parts of a piece that can be tokenized by themselves with the same ids, in order. */
  parts(piece: string): Iterable<string>;
  /** Adds the ids of a part of a piece to the end of `ids`. @throws RangeError if it has an unknown part and no token for that */
  tokenize(part: string, ids: number[]): void;
  /** The same in steps, for long parts. */
  tokenizeSteps(part: string, ids: number[]): Steps<void>;
  /** The ids of a whole piece, with the place of each. @throws RangeError */
  locate(piece: string, found: LocatedIds): Steps<void>;
}

/** Ids, and where their tokens are. */
export interface LocatedIds {
  readonly ids: number[];
  /** For each id the start and the end of its token in the piece, in bytes of UTF-8: a token of a byte is less than a character. */
  readonly spans: number[];
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
export class PieceCache<Kept = readonly number[]> {
  readonly #kept = new Map<string, Kept>();

  get(piece: string): Kept | undefined {
    return this.#kept.get(piece);
  }

  set(piece: string, kept: Kept): void {
    if (piece.length > longestKept) return;
    // WHY all at once: it happens rarely, and the common words are back after one text.
    if (this.#kept.size >= mostKept) this.#kept.clear();
    this.#kept.set(piece, kept);
  }
}

const longestKept = 64;
const mostKept = 20_000;
