/** What a model says of the next token: all logits, f32 [vocabulary], or the likeliest tokens alone. */
export type TokenScores = Float32Array | Candidates;

/** The likeliest tokens, found in the graph: the same distribution as far as it goes. */
export interface Candidates {
  /** Likeliest first; of equal logits the lowest id first. */
  readonly tokens: Int32Array;
  /** The model's own logits of these tokens. */
  readonly logits: Float32Array;
  /** log Σ exp of all logits of the row. */
  readonly logSumExp: number;
}

export function isCandidates(scores: TokenScores): scores is Candidates {
  return 'tokens' in scores;
}
