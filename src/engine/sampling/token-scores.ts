/** The model's scores of the next token: all logits, f32 [vocabulary], or only the most likely tokens. */
export type TokenScores = Float32Array | Candidates;

/** The most likely tokens, found by the graph. They have the same probabilities as in the full distribution. */
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
