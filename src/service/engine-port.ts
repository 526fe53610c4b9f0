import type { AdapterLease, Route } from '../routing/index.ts';
import type { LogitsProcessor, NamedLogitsFunction, PreparedAdapter } from '../engine/index.ts';

/** The base or the adapter that answers a generation. */
export type GenerationRoute = Route<PreparedAdapter>;

/** The part of an engine that the routes need. `Engine` of `engine` has this form; a test double can have it too. */
export interface GenerationEngine {
  /**
   * Starts a generation. It takes a share of the leases at the call, and keeps it until the last token.
   * @throws EspalierError at the call, before any token: the errors of the engine, for example for a prompt that is too long or a full
   *   queue
   */
  generate(request: GenerationRequest): TokenStream;
  /**
   * Reserves places in the queue for the choices of one request. An engine that has this method refuses all of them here, or none.
   * @throws EspalierError QUEUE_FULL, CALLER_QUEUE_FULL
   */
  reserve?(request: { readonly key: string; readonly count: number }): Reservation;
}

/** Places in the queue, until it is disposed of. Each generation that it is given to takes one. */
export interface Reservation extends Disposable {
  /** @throws EspalierError QUEUE_FULL, CALLER_QUEUE_FULL; nothing has changed then */
  resize(count: number): void;
  /** Gives one place back. @returns false if none is left */
  use(): boolean;
}

export interface TokenStream extends AsyncIterable<GeneratedToken> {
  /** The prompt's tokens with their log-probabilities, if the request asked for them. Complete after the first token or at the end. */
  readonly promptTokens?: readonly ReportedToken[];
  /** When the answer asked for its first run, had it, and had its last token, in ms of a monotonic clock. */
  readonly times?: {
    readonly arrived?: number | undefined;
    readonly admitted?: number | undefined;
    readonly finished?: number | undefined;
  };
  /** Tokens of the answer so far. */
  readonly generated?: number;
  /** Prompt tokens that were not run, because what was computed of them was kept. Known with the first token. */
  readonly cachedTokens?: number;
}

export interface GenerationRequest {
  readonly tokens: readonly number[];
  /** Empty: the base. */
  readonly adapters: readonly { readonly lease: AdapterLease<PreparedAdapter>; readonly scale?: number }[];
  readonly maxTokens: number;
  readonly temperature: number;
  readonly topK?: number;
  readonly topP?: number;
  readonly minP?: number;
  readonly typicalP?: number;
  readonly presencePenalty?: number;
  readonly frequencyPenalty?: number;
  readonly repetitionPenalty?: number;
  readonly logitBias?: ReadonlyMap<number, number>;
  /** Tokens before which no stop token ends the answer. */
  readonly minTokens?: number;
  /** Changes to the logits after the penalties. */
  readonly logitsFunctions?: readonly NamedLogitsFunction[];
  /** Further changes to the logits, such as those that keep a form. */
  readonly processors?: readonly LogitsProcessor[];
  readonly seed?: number;
  /** Tokens that end the answer: the same set for all choices of a request. */
  readonly stopTokenIds: ReadonlySet<number>;
  /**
   * Requests the log-probabilities of each token and of the `top` most likely tokens at its position; with `prompt`, also for the
   * prompt's tokens.
   */
  readonly logprobs?: { readonly top: number; readonly prompt: boolean };
  /** The same object in requests with the same prompt, adapters and `logprobs`. Their prompt is then run once. */
  readonly promptGroup?: object;
  /** Who asks. Callers share the engine evenly. */
  readonly key?: string;
  readonly reservation?: Reservation;
  /** A user of the caller. The users of one key get equal shares of what the key gets. */
  readonly user?: string;
  /** Equal prompts are computed once within a scope. */
  readonly cacheScope?: string;
  /** 'background' runs only in slots that no other request wants. Default: 'foreground'. */
  readonly class?: 'foreground' | 'background';
  /** The request is refused if it has waited this long for a slot. */
  readonly maxWaitMs?: number;
  /** Where it came from, for who is told of its end. */
  readonly origin?: object;
  readonly signal?: AbortSignal;
}

/** A token and its probability under the model itself. */
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
