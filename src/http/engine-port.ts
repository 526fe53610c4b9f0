/** What the routes need of an engine; `serve`'s engine has this form, and a test's double can. */
export interface GenerationEngine {
  /**
   * Starts a generation. The adapters' versions are leased here, at the call, and kept until the last token.
   * @throws EspalierError at the call, before any token, for an unknown adapter, a prompt that is too long or a full queue
   */
  generate(request: GenerationRequest): AsyncIterable<GeneratedToken>;
}

export interface GenerationRequest {
  readonly tokens: readonly number[];
  readonly adapters: readonly { readonly name: string; readonly scale?: number }[];
  readonly maxTokens: number;
  readonly temperature: number;
  readonly topK?: number;
  readonly topP?: number;
  readonly seed?: number;
  /** Tokens that end the answer. */
  readonly stopTokenIds: readonly number[];
  readonly signal?: AbortSignal;
}

export interface GeneratedToken {
  readonly token: number;
  /** Natural logarithm of the token's probability, before temperature and cuts. */
  readonly logprob?: number;
  /** Set with the last token only: 'stop' where the token is a stop token (it is not part of the text). */
  readonly finishReason?: 'stop' | 'length';
}
