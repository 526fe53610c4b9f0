import type { Tokenizer } from '../tokenizer/index.ts';
import type { Prompt } from './echo.ts';
import type { GenerationEngine, GenerationRequest } from './engine-port.ts';
import { piecesOf, type Piece } from './pieces.ts';
import type { SamplingBody } from './request-body.ts';

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
  /** Whether the answer is the prompt's own text going on, not a turn of its own. */
  readonly continuesPrompt: boolean;
  /** Whether the answer begins with the prompt. */
  readonly echo: boolean;
  /** How many of the likeliest tokens to tell of beside each; undefined tells no log-probabilities. */
  readonly topLogprobs: number | undefined;
  readonly signal: AbortSignal;
}

/**
 * Starts `n` choices for each prompt. All are admitted, or none: where one is refused the caller aborts `signal`.
 * @throws EspalierError what the engine refuses, before any answer was begun
 */
export function startChoices(options: StartOptions): Choice[] {
  const { body, prompts, echo, topLogprobs } = options;
  const n = body.n ?? 1;
  return Array.from({ length: prompts.length * n }, (_, index) => {
    const prompt = prompts[Math.floor(index / n)] ?? { tokens: [] };
    const generated = options.engine.generate(requestOf(options, prompt, index % n));
    const pieces = piecesOf(generated, {
      tokenizer: options.tokenizer,
      prompt,
      continuesPrompt: options.continuesPrompt,
      stops: typeof body.stop === 'string' ? [body.stop] : (body.stop ?? []),
      echo,
      naming: topLogprobs === undefined ? undefined : { asIds: body.return_tokens_as_token_ids === true },
    });
    return { index, promptTokens: prompt.tokens.length, pieces };
  });
}

/** @param place  of the choice among those of its prompt */
function requestOf(options: StartOptions, { tokens }: Prompt, place: number): GenerationRequest {
  const { body, topLogprobs, echo } = options;
  const topK = body.top_k ?? undefined;
  return {
    tokens,
    adapters: options.adapters,
    maxTokens: options.maxTokens,
    // WHY 1: OpenAI's default.
    temperature: body.temperature ?? 1,
    ...(topK !== undefined && topK > 0 ? { topK } : {}),
    ...(typeof body.top_p === 'number' ? { topP: body.top_p } : {}),
    // WHY by the place: each choice draws on its own, and a prompt among others is answered as it is alone.
    ...(typeof body.seed === 'number' ? { seed: body.seed + place } : {}),
    stopTokenIds: body.ignore_eos === true ? [] : options.eosTokenIds,
    ...(topLogprobs === undefined ? {} : { logprobs: { top: topLogprobs, prompt: echo } }),
    signal: options.signal,
  };
}
