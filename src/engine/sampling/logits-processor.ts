/**
 * Changes the logits of one request before a token is drawn. It belongs to one request, and may remember what was drawn. The
 * log-probabilities that are told stay those of the model itself.
 */
export interface LogitsProcessor {
  /** Changes f32 [vocabulary] in place. */
  process(logits: Float32Array): void;
  /** Notes that a token was drawn. */
  note?(token: number): void;
}
