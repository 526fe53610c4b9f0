/** The tokens of a request, as its answer counts them. */
export interface Usage {
  /** Choices that share a prompt count its tokens once. */
  readonly promptTokens: number;
  /** How many of these were not run, because what was computed of them was kept from an earlier request. */
  readonly cachedTokens: number;
  /** Tokens that the model wrote, thoughts included. */
  readonly completionTokens: number;
  /** How many of these belong to thoughts. */
  readonly reasoningTokens: number;
}
