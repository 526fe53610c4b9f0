import type { RequestedAdapter } from '../adapters/sequence-adapters.ts';
import type { SequenceClass } from '../schedule/schedule-state.ts';
import type { LogitsProcessor } from '../sampling/logits-processor.ts';
import type { TokenLogprob } from '../sampling/sampler.ts';

/** A prompt to go on from, and how. */
export interface GenerationRequest {
  readonly tokens: ArrayLike<number>;
  /** Leased adapters; several add up. None: the base. */
  readonly adapters?: readonly RequestedAdapter[];
  /** Most tokens of the answer; 0 runs the prompt alone. The context may end it sooner. */
  readonly maxTokens: number;
  /** 0 (the default) is greedy. */
  readonly temperature?: number;
  /** Draw only from the k likeliest tokens; 0 = all. */
  readonly topK?: number;
  /** Draw only from the likeliest tokens that together reach this probability, in (0, 1]. */
  readonly topP?: number;
  /** Draw only from tokens at least this share as likely as the likeliest; 0 = all. */
  readonly minP?: number;
  /** Taken from the logit of each token of the answer so far, in [-2, 2]. */
  readonly presencePenalty?: number;
  /** The same, times how often the token is there. */
  readonly frequencyPenalty?: number;
  /** Divides the logits of tokens of prompt and answer where they are positive, and multiplies them where not; 1 = none. */
  readonly repetitionPenalty?: number;
  /** Added to the logits of these tokens, from -100 to 100. */
  readonly logitBias?: ReadonlyMap<number, number>;
  /** The answer does not end at a stop token before it has so many tokens. */
  readonly minTokens?: number;
  /** Changes to the logits of the request's own, after the penalties. An object serves one request. */
  readonly processors?: readonly LogitsProcessor[];
  /** What fixes the draws; by default each request draws differently. */
  readonly seed?: number;
  /** Tokens that end the answer, instead of the base's own end-of-sequence tokens. */
  readonly stopTokenIds?: readonly number[];
  /**
   * Report each token's log-probability, and those of the `top` likeliest tokens in its place. With `prompt`, those of the prompt's
   * tokens too: `GenerationStream.promptTokens`.
   */
  readonly logprobs?: { readonly top?: number; readonly prompt?: boolean };
  /**
   * The same object in requests with the same prompt (the very array), adapters and `logprobs`: those that wait together have their
   * prompt run once.
   */
  readonly promptGroup?: object;
  /** Who asks. Callers share the engine evenly, whatever each asks for; requests without a key share as one caller. */
  readonly key?: string;
  /** 'background' runs where nobody else wants the slots, and gives them up; default 'foreground'. */
  readonly class?: SequenceClass;
  /** The request is refused when it has waited so long for a slot; looked at between two runs. */
  readonly maxWaitMs?: number;
  readonly signal?: AbortSignal;
}

/** A token, and how likely the model itself thought it: before temperature, penalties, biases and cuts. */
export interface ReportedToken {
  readonly token: number;
  /** Natural logarithm of the token's probability. The first token of a prompt, which nothing predicts, has none. */
  readonly logprob?: number;
  /** Likeliest first. */
  readonly topLogprobs?: readonly TokenLogprob[];
}

export interface GeneratedToken extends ReportedToken {
  /** With the last token only: 'stop' where it is a stop token (and no part of the text), 'length' where a limit was reached. */
  readonly finishReason?: FinishReason;
}

export type FinishReason = 'stop' | 'length';
