import { createRandom } from '../core/index.ts';
import type { Tokenizer } from '../tokenizer/index.ts';
import type { GeneratedToken, GenerationEngine, GenerationRequest } from './engine-port.ts';
import type { SamplingBody } from './request-body.ts';
import { createStopMatcher } from './stop-matcher.ts';

/** What one choice of an answer adds at a time. */
export interface Piece {
  readonly text: string;
  readonly tokenIds: readonly number[];
  readonly finishReason?: 'stop' | 'length';
}

/** One choice of an answer that is being generated. */
export interface Choice {
  readonly index: number;
  readonly promptTokens: number;
  readonly pieces: AsyncIterable<Piece>;
}

export interface StartOptions {
  readonly engine: GenerationEngine;
  readonly tokenizer: Tokenizer | undefined;
  readonly prompts: readonly (readonly number[])[];
  readonly adapters: GenerationRequest['adapters'];
  readonly body: SamplingBody;
  readonly maxTokens: number;
  readonly eosTokenIds: readonly number[];
  /** Whether the answer is the prompt's own text going on, not a turn of its own. */
  readonly continuesPrompt: boolean;
  readonly signal: AbortSignal;
}

/**
 * Starts `n` choices for each prompt. All are admitted, or none: where one is refused the caller aborts `signal`.
 * @throws EspalierError what the engine refuses, before any answer was begun
 */
export function startChoices(options: StartOptions): Choice[] {
  const { body, prompts } = options;
  const n = body.n ?? 1;
  const seed = body.seed ?? createRandom(Date.now(), 'request').integer(2 ** 31);
  return Array.from({ length: prompts.length * n }, (_, index) => {
    const tokens = prompts[Math.floor(index / n)] ?? [];
    const generated = options.engine.generate(requestOf(options, tokens, seed + index));
    return { index, promptTokens: tokens.length, pieces: piecesOf(generated, tokens, options) };
  });
}

function requestOf(options: StartOptions, tokens: readonly number[], seed: number): GenerationRequest {
  const { body } = options;
  const topK = body.top_k ?? undefined;
  return {
    tokens,
    adapters: options.adapters,
    maxTokens: options.maxTokens,
    // WHY 1: OpenAI's default.
    temperature: body.temperature ?? 1,
    ...(topK !== undefined && topK > 0 ? { topK } : {}),
    ...(typeof body.top_p === 'number' ? { topP: body.top_p } : {}),
    seed,
    stopTokenIds: body.ignore_eos === true ? [] : options.eosTokenIds,
    signal: options.signal,
  };
}

/** Turns tokens to text, ends at a stop string, and never sends a half of a character. */
async function* piecesOf(
  generated: AsyncIterable<GeneratedToken>,
  prompt: readonly number[],
  options: StartOptions,
): AsyncIterable<Piece> {
  // WHY: a text that goes on keeps the space before its first word; an answer of its own does not.
  const decoder = options.tokenizer?.createStreamDecoder(options.continuesPrompt ? { after: prompt } : {});
  const { stop } = options.body;
  const matcher = createStopMatcher(typeof stop === 'string' ? [stop] : (stop ?? []));
  for await (const { token, finishReason } of generated) {
    const isStopToken = finishReason === 'stop';
    const fresh = isStopToken ? '' : (decoder?.push(token) ?? '');
    const { text, stopped } = matcher.push(fresh);
    if (stopped) {
      yield { text, tokenIds: [token], finishReason: 'stop' };
      return;
    }
    if (finishReason === undefined) {
      yield { text, tokenIds: [token] };
      continue;
    }
    const last = matcher.push(decoder?.end() ?? '');
    const rest = last.stopped ? last.text : last.text + matcher.end();
    yield { text: text + rest, tokenIds: [token], finishReason: last.stopped ? 'stop' : finishReason };
  }
}
