import type { Tokenizer } from '../../tokenizer/index.ts';
import type { Caller } from './caller.ts';
import type { Prompt } from './echo.ts';
import type { GenerationEngine, GenerationRequest } from '../../service/index.ts';
import { piecesOf, type Piece } from './pieces.ts';
import type { SamplingBody } from './request-body.ts';
import { samplingOf } from './sampling-of.ts';

/** One choice of an answer that is being generated. */
export interface Choice {
  readonly index: number;
  readonly promptTokens: number;
  readonly pieces: AsyncIterable<Piece>;
}

export interface StartOptions {
  readonly engine: GenerationEngine;
  readonly tokenizer: Tokenizer | undefined;
  readonly prompts: readonly Prompt[];
  readonly adapters: GenerationRequest['adapters'];
  readonly body: SamplingBody;
  readonly maxTokens: number;
  readonly eosTokenIds: readonly number[];
  /** Whether the answer continues the text of the prompt; false for a turn of a chat. */
  readonly continuesPrompt: boolean;
  /** Whether the answer begins with the prompt. */
  readonly echo: boolean;
  /** Number of most likely tokens to report beside each token; undefined reports no log-probabilities. */
  readonly topLogprobs: number | undefined;
  readonly signal: AbortSignal;
  readonly caller: Caller;
}

/**
 * Starts `n` choices for each prompt. If one is refused, the caller must abort `signal`, so that none remains.
 * @throws EspalierError the errors of the engine's `generate`, before any answer was begun
 */
export function startChoices(options: StartOptions): Choice[] {
  const { body, prompts, echo, topLogprobs } = options;
  const n = body.n ?? 1;
  options.engine.assertRoom?.({ key: options.caller.key, count: prompts.length * n });
  const shared = { stops: body.stop ?? [], stopTokenIds: stopTokensOf(options) };
  return Array.from({ length: prompts.length * n }, (_, index) => {
    const prompt = prompts[Math.floor(index / n)] ?? { tokens: [] };
    const generated = options.engine.generate(requestOf(options, { prompt, place: index % n, ...shared }));
    const pieces = piecesOf(generated, {
      tokenizer: options.tokenizer,
      prompt,
      continuesPrompt: options.continuesPrompt,
      stops: shared.stops,
      minTokens: body.min_tokens ?? 0,
      echo,
      naming: topLogprobs === undefined ? undefined : { asIds: body.return_tokens_as_token_ids === true },
    });
    return { index, promptTokens: prompt.tokens.length, pieces };
  });
}

function stopTokensOf({ body, eosTokenIds }: StartOptions): ReadonlySet<number> {
  return new Set([...(body.ignore_eos === true ? [] : eosTokenIds), ...(body.stop_token_ids ?? [])]);
}

interface ChoiceOf {
  readonly prompt: Prompt;
  /** Index of the choice among those of its prompt. */
  readonly place: number;
  /** The same object for all choices of a request. */
  readonly stopTokenIds: ReadonlySet<number>;
}

function requestOf(options: StartOptions, { prompt, place, stopTokenIds }: ChoiceOf): GenerationRequest {
  const { body, topLogprobs, echo } = options;
  return {
    tokens: prompt.tokens,
    ...((body.n ?? 1) > 1 ? { promptGroup: prompt } : {}),
    adapters: options.adapters,
    maxTokens: options.maxTokens,
    ...samplingOf(body, place),
    stopTokenIds,
    ...(topLogprobs === undefined ? {} : { logprobs: { top: topLogprobs, prompt: echo } }),
    ...options.caller,
    signal: options.signal,
  };
}
