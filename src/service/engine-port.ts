import type { AdapterLease, Route } from '../control/index.ts';
import type { PreparedAdapter } from '../engine/index.ts';

/** Who answers a generation. */
export type GenerationRoute = Route<PreparedAdapter>;

/** What the routes need of an engine; `serve`'s engine has this form, and a test's double can. */
export interface GenerationEngine {
  /**
   * Starts a generation. The leases are shared here, at the call, and the shares kept until the last token.
   * @throws EspalierError at the call, before any token, for a prompt that is too long or a full queue
   */
  generate(request: GenerationRequest): TokenStream;
  /**
   * Asks whether so many choices of one request could wait now. Where an engine has this, it refuses here all of them or none.
   * @throws EspalierError QUEUE_FULL, CALLER_QUEUE_FULL
   */
  assertRoom?(request: { readonly key: string; readonly count: number }): void;
}

export interface TokenStream extends AsyncIterable<GeneratedToken> {
  /** The prompt's tokens with their log-probabilities, where asked for: complete when the first token has come, or the end. */
  readonly promptTokens?: readonly ReportedToken[];
}

export interface GenerationRequest {
  readonly tokens: readonly number[];
  /** None: the base. */
  readonly adapters: readonly { readonly lease: AdapterLease<PreparedAdapter>; readonly scale?: number }[];
  readonly maxTokens: number;
  readonly temperature: number;
  readonly topK?: number;
  readonly topP?: number;
  readonly minP?: number;
  readonly presencePenalty?: number;
  readonly frequencyPenalty?: number;
  readonly repetitionPenalty?: number;
  readonly logitBias?: ReadonlyMap<number, number>;
  /** Tokens before which no stop token ends the answer. */
  readonly minTokens?: number;
  readonly seed?: number;
  /** Tokens that end the answer. */
  readonly stopTokenIds: readonly number[];
  /** Log-probabilities of each token and of the `top` likeliest in its place; with `prompt`, of the prompt's tokens too. */
  readonly logprobs?: { readonly top: number; readonly prompt: boolean };
  /** The same object in requests with the same prompt, adapters and `logprobs`, so that their prompt is run once. */
  readonly promptGroup?: object;
  /** Who asks. Callers share the engine evenly. */
  readonly key?: string;
  readonly signal?: AbortSignal;
}

/** A token, and how likely the model itself thought it. */
export interface ReportedToken {
  readonly token: number;
  /** Natural logarithm of the probability. */
  readonly logprob?: number;
  /** Likeliest first. */
  readonly topLogprobs?: readonly { readonly token: number; readonly logprob: number }[];
}

export interface GeneratedToken extends ReportedToken {
  /** Set with the last token only: 'stop' where the token is a stop token (it is not part of the text). */
  readonly finishReason?: 'stop' | 'length';
}
