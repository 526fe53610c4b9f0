/**
 * Changes the logits of one request before a token is drawn. It belongs to one request, and may remember drawn tokens. The reported
 * log-probabilities remain those of the model.
 */
export interface LogitsProcessor {
  /** Changes f32 [vocabulary] in place. */
  process(logits: Float32Array): void;
  /** Notes that a token was drawn. */
  note?(token: number): void;
}
