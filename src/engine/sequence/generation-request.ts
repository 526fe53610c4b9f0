import type { RequestedAdapter } from '../adapters/sequence-adapters.ts';
import type { Reservation } from '../schedule/admission.ts';
import type { SequenceClass } from '../schedule/schedule-state.ts';
import type { NamedLogitsFunction } from '../sampling/caller-processor.ts';
import type { LogitsProcessor } from '../sampling/logits-processor.ts';
import type { TokenLogprob } from '../sampling/sampler.ts';

/** A prompt to continue, and how to continue it. */
export interface GenerationRequest {
  readonly tokens: ArrayLike<number>;
  /** Leased adapters. The updates of several are added. Empty: the base. */
  readonly adapters?: readonly RequestedAdapter[];
  /** Most tokens of the answer; 0 only runs the prompt. The limit of the context may end the answer sooner. */
  readonly maxTokens: number;
  /** 0 (the default) is greedy. */
  readonly temperature?: number;
  /** Draw only from the k most likely tokens; 0 = all. */
  readonly topK?: number;
  /** Draw only from the most likely tokens that together reach this probability, in (0, 1]. */
  readonly topP?: number;
  /** Draw only from tokens whose probability is at least this fraction of the largest; 0 = all. */
  readonly minP?: number;
  /** Subtracted from the logit of each token of the answer so far, in [-2, 2]. */
  readonly presencePenalty?: number;
  /** Subtracted once for each occurrence of the token, in [-2, 2]. */
  readonly frequencyPenalty?: number;
  /** Divides the positive logits of tokens of prompt and answer, and multiplies the others, in [0.01, 100]; 1 = none. */
  readonly repetitionPenalty?: number;
  /**
   * Draw only from the tokens whose surprise is nearest to the expected one and that together reach this probability, in (0, 1]; after
   * `topK`, before `topP`.
   */
  readonly typicalP?: number;
  /** Added to the logits of these tokens, from -100 to 100. */
  readonly logitBias?: ReadonlyMap<number, number>;
  /** The answer does not end at a stop token before it has this many tokens. */
  readonly minTokens?: number;
  /** The caller's changes to the logits, in this order, after the penalties. A function may serve many requests. */
  readonly logitsFunctions?: readonly NamedLogitsFunction[];
  /** The request's own changes to the logits, applied after those of the caller. An object serves one request. */
  readonly processors?: readonly LogitsProcessor[];
  /** Makes the draws repeatable. By default each request draws differently. */
  readonly seed?: number;
  /** Tokens that end the answer, instead of the base's own end-of-sequence tokens. A set is used as it is, and not copied. */
  readonly stopTokenIds?: readonly number[] | ReadonlySet<number>;
  /**
   * Reports each token's log-probability, and those of the `top` most likely tokens at its position. With `prompt`, also those of the
   * prompt's tokens (`GenerationStream.promptTokens`).
   */
  readonly logprobs?: { readonly top?: number; readonly prompt?: boolean };
  /**
   * The same object in requests with the same prompt (the same array), adapters and `logprobs`. The prompt of those that wait together
   * is run once.
   */
  readonly promptGroup?: object;
  /** The caller. Callers get equal shares of the engine, whatever each asks for. Requests without a key count as one caller. */
  readonly key?: string;
  /** Places that were reserved for the caller: this request takes one of them if one is left. */
  readonly reservation?: Pick<Reservation, 'use'>;
  /** A user of the caller. The users of one key get equal shares of what the key gets. */
  readonly user?: string;
  /**
   * Requests share the keys and values of equal prompts only within a scope, so that none can find out what those of another scope
   * have asked. Default: one scope for all requests without one.
   */
  readonly cacheScope?: string;
  /** 'background' runs only in slots that no other request wants, and gives them up. Default: 'foreground'. */
  readonly class?: SequenceClass;
  /** The request is refused if it has waited this long for a slot. Checked between two runs. */
  readonly maxWaitMs?: number;
  /** Where it came from: given as it is to who is told of its end (`EngineOptions.onEnd`), such as the trace to which it belongs. */
  readonly origin?: object;
  readonly signal?: AbortSignal;
}

/** A token and its probability under the model itself: before temperature, penalties, biases and limits. */
export interface ReportedToken {
  readonly token: number;
  /** Natural logarithm of the token's probability. Absent for the first token of a prompt, which nothing predicts. */
  readonly logprob?: number;
  /** Likeliest first. */
  readonly topLogprobs?: readonly TokenLogprob[];
}

export interface GeneratedToken extends ReportedToken {
  /** Only with the last token: 'stop' if it is a stop token (which is not part of the text), 'length' if a limit was reached. */
  readonly finishReason?: FinishReason;
}

export type FinishReason = 'stop' | 'length';
