import type { AddedToken } from './added-tokens.ts';
import type { TextPipeline } from './text-pipeline.ts';

/** The tokens of a tokenizer by id, and their ids. */
export class TokenTable {
  /** One more than the largest id. */
  readonly size: number;
  readonly #vocabulary: ReadonlyMap<string, number>;
  readonly #tokens: readonly string[];
  readonly #added: ReadonlyMap<number, AddedToken>;
  readonly #addedByContent: ReadonlyMap<string, AddedToken>;

  constructor({ vocabulary, tokens, added }: Pick<TextPipeline, 'vocabulary' | 'tokens' | 'added'>) {
    this.size = added.reduce((size, { id }) => Math.max(size, id + 1), tokens.length);
    this.#vocabulary = vocabulary;
    this.#tokens = tokens;
    this.#added = new Map(added.map((token) => [token.id, token]));
    this.#addedByContent = new Map(added.map((token) => [token.content, token]));
  }

  idOf(token: string): number | undefined {
    return this.#addedByContent.get(token)?.id ?? this.#vocabulary.get(token);
  }

  /** The token as the files name it. */
  contentOf(id: number): string | undefined {
    return this.#added.get(id)?.content ?? this.#tokens[id];
  }

  /** The token as decoding takes it. */
  writtenOf(id: number): string | undefined {
    return this.#added.get(id)?.written ?? this.#tokens[id];
  }

  /** Whether decoding may leave a token out. */
  isSpecial(written: string): boolean {
    return this.#addedByContent.get(written)?.special === true;
  }
}
