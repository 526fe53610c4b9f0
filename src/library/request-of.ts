import type { GenerationRequest } from '../engine/index.ts';
import type { SamplingOptions } from './generate-options.ts';
import { definedOnly } from './read-options.ts';

const defaultMaxTokens = 128;

/** The request of the engine that a call's options stand for. */
export function requestOf(
  { maxTokens = defaultMaxTokens, logitBias, logprobs, ...sampling }: SamplingOptions,
  stopTokenIds: ReadonlySet<number>,
): Omit<GenerationRequest, 'tokens' | 'adapters'> {
  const { minTokens, temperature, topK, topP, minP, seed, signal } = sampling;
  const { presencePenalty, frequencyPenalty, repetitionPenalty } = sampling;
  const penalties = { presencePenalty, frequencyPenalty, repetitionPenalty };
  return {
    ...definedOnly({ minTokens, temperature, topK, topP, minP, seed, signal, ...penalties }),
    maxTokens,
    stopTokenIds,
    ...(logitBias && { logitBias: new Map(Object.entries(logitBias).map(([id, bias]) => [Number(id), bias])) }),
    ...(logprobs !== undefined && { logprobs: { top: logprobs } }),
  };
}
