/** The tokens of a request, as its answer counts them. */
export interface Usage {
  /** Choices that share a prompt count its tokens once. */
  readonly promptTokens: number;
  /** Tokens that the model wrote, thoughts included. */
  readonly completionTokens: number;
  /** How many of these belong to thoughts. */
  readonly reasoningTokens: number;
}
