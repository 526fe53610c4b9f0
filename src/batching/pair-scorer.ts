import { runTextRows, type TextRow, type TextRowsCall, type TextRowsOptions } from './text-rows.ts';

export interface PairScorerOptions extends TextRowsOptions {
  /** Whether the graph has the input `token_type_ids`, which tells the second text of a pair from the first. */
  readonly typed: boolean;
}

/** Computes how well each text of some pairs fits to the other, by a classifier with one number as its result (a cross-encoder). */
export class PairScorer {
  readonly maxLength: number;
  readonly #options: PairScorerOptions;

  constructor(options: PairScorerOptions) {
    this.#options = options;
    this.maxLength = options.maxLength;
  }

  /**
   * Scores pairs, all with the same version of the adapter.
   *
   *   score = 1 / (1 + exp(−logit))
   *
   * @param pairs  each query with a document, as the tokenizer joins them
   * @returns between 0 and 1, in the order of the pairs
   * @throws EspalierError the errors of `runTextRows`
   */
  async score(pairs: readonly Required<TextRow>[], options: TextRowsCall = {}): Promise<number[]> {
    const rows = pairs.map(({ ids, typeIds }) => ({ ids, typeIds: this.#options.typed ? typeIds : undefined }));
    const results = await runTextRows(this.#options, rows, { ...options, output: 'logits', param: 'documents' });
    return results.map(({ values }) => 1 / (1 + Math.exp(-(values[0] ?? NaN))));
  }
}
