import { EspalierError } from '../core/index.ts';
import type { TokenLogprob } from './sampler.ts';

/** A prompt to go on from, and how. */
export interface GenerationRequest {
  readonly tokens: ArrayLike<number>;
  /** Adapters by name; several add up. None: the base. */
  readonly adapters?: readonly { readonly name: string; readonly scale?: number }[];
  /** Most tokens of the answer; 0 runs the prompt alone. The context may end it sooner. */
  readonly maxTokens: number;
  /** 0 (the default) is greedy. */
  readonly temperature?: number;
  /** Draw only from the k likeliest tokens; 0 = all. */
  readonly topK?: number;
  /** Draw only from the likeliest tokens that together reach this probability, in (0, 1]. */
  readonly topP?: number;
  /** What fixes the draws; by default each request draws differently. */
  readonly seed?: number;
  /** Tokens that end the answer, instead of the base's own end-of-sequence tokens. */
  readonly stopTokenIds?: readonly number[];
  /**
   * Report each token's log-probability, and those of the `top` likeliest tokens in its place. With `prompt`, those of the prompt's
   * tokens too: `GenerationStream.promptTokens`.
   */
  readonly logprobs?: { readonly top?: number; readonly prompt?: boolean };
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

/** Limits against which a request is checked. */
export interface RequestLimits {
  /** Tokens of prompt and answer together. */
  readonly maxLength: number;
  readonly vocabulary: number;
}

/**
 * Checks a request before anything is done for it.
 * @throws EspalierError PROMPT_EMPTY, PROMPT_TOO_LONG, TOKEN_OUT_OF_RANGE, GENERATION_OPTION_INVALID
 */
export function checkRequest(request: GenerationRequest, { maxLength, vocabulary }: RequestLimits): void {
  const { tokens, maxTokens, temperature = 0, topK = 0, topP = 1, seed = 0, adapters = [], logprobs } = request;
  if (tokens.length === 0) throw new EspalierError('PROMPT_EMPTY', {});
  if (tokens.length + Math.min(maxTokens, 1) > maxLength) {
    throw new EspalierError('PROMPT_TOO_LONG', { tokens: tokens.length, limit: maxLength });
  }
  checkTokens(tokens, vocabulary);
  expect('maxTokens', maxTokens, Number.isInteger(maxTokens) && maxTokens >= 0, 'an integer from 0');
  expect('temperature', temperature, Number.isFinite(temperature) && temperature >= 0, 'a number from 0');
  expect('topK', topK, Number.isInteger(topK) && topK >= 0, 'an integer from 0');
  expect('topP', topP, topP > 0 && topP <= 1, 'a number above 0 and up to 1');
  expect('seed', seed, Number.isSafeInteger(seed), 'an integer');
  for (const { name, scale = 1 } of adapters) {
    expect(`scale of ${name}`, scale, Math.abs(scale) <= 1000, 'a number from -1000 to 1000');
  }
  const top = logprobs?.top ?? 0;
  expect(
    'logprobs.top',
    top,
    Number.isInteger(top) && top >= 0 && top <= vocabulary,
    `an integer from 0 to ${vocabulary}`,
  );
}

/**
 * Refuses what a DoRA adapter cannot be asked for.
 *
 * WHY alone: a magnitude says how long a row of the weight is in the end, whatever else is added or at what strength, and so part of
 * it or two of them mean nothing.
 *
 * @throws EspalierError GENERATION_OPTION_INVALID
 */
export function assertAlone(adapters: NonNullable<GenerationRequest['adapters']>): void {
  const actual = adapters.map(({ name, scale = 1 }) => `${name}=${scale}`).join(', ');
  if (adapters.length === 1 && (adapters[0]?.scale ?? 1) === 1) return;
  const [name, expected] = ['adapters', 'one adapter at scale 1 where it is a DoRA adapter'];
  throw new EspalierError('GENERATION_OPTION_INVALID', { name, expected, actual });
}

function checkTokens(tokens: ArrayLike<number>, vocabulary: number): void {
  for (let index = 0; index < tokens.length; index++) {
    const token = tokens[index] ?? Number.NaN;
    if (Number.isInteger(token) && token >= 0 && token < vocabulary) continue;
    throw new EspalierError('TOKEN_OUT_OF_RANGE', { index, token: String(token), last: vocabulary - 1 });
  }
}

function expect(name: string, actual: number, holds: boolean, expected: string): void {
  if (!holds) throw new EspalierError('GENERATION_OPTION_INVALID', { name, expected, actual: String(actual) });
}
