import { runTextRows, type TextRowsCall, type TextRowsOptions } from './text-rows.ts';

/** The graph is the embedding graph, whose output is `embeddings`. */
export type EmbedderOptions = TextRowsOptions;

export type EmbedOptions = TextRowsCall;

export interface Embedding {
  readonly vector: Float32Array;
  /** The SHA-256 of the adapter's content; undefined for the base. */
  readonly adapterVersion: string | undefined;
}

/** Computes the vectors of texts, given as token ids. Texts that are requested at the same time run together. */
export class Embedder {
  readonly maxLength: number;
  readonly #options: EmbedderOptions;

  constructor(options: EmbedderOptions) {
    this.#options = options;
    this.maxLength = options.maxLength;
  }

  /**
   * Computes the vectors of some texts, all with the same version of the adapter.
   *
   * @param texts  the token ids of each text, including the special tokens of the tokenizer
   * @throws EspalierError the errors of `runTextRows`
   */
  async embed(texts: readonly (readonly number[])[], options: EmbedOptions = {}): Promise<Embedding[]> {
    const rows = texts.map((ids) => ({ ids }));
    const results = await runTextRows(this.#options, rows, { ...options, output: 'embeddings', param: 'input' });
    return results.map(({ values, adapterVersion }) => ({ vector: values, adapterVersion }));
  }
}
