import type { NamedAdapter } from '../adapters/sequence-adapters.ts';
import type { FinishReason, GenerationRequest } from './generation-request.ts';
import type { SequenceEnd } from '../schedule/schedule-state.ts';
import type { Sequence, SequenceTimes } from './sequence.ts';

/** A sequence that has left the engine. */
export interface EndedSequence {
  readonly how: SequenceEnd;
  /** Why it failed. */
  readonly error: unknown;
  /** Whether it ran only in slots that no other sequence wanted. */
  readonly isBackground: boolean;
  readonly adapters: readonly NamedAdapter[];
  readonly promptTokens: number;
  /** Prompt tokens that were not run. */
  readonly cachedTokens: number;
  readonly generatedTokens: number;
  /** By the engine's clock, in milliseconds. */
  readonly times: Readonly<SequenceTimes>;
  readonly finishReason: FinishReason | undefined;
  /** What its request asked for. */
  readonly asked: Pick<GenerationRequest, 'maxTokens' | 'temperature' | 'topP' | 'topK' | 'seed'>;
  /** What the request said of where it came from. */
  readonly origin: object | undefined;
}

export function endedSequence(sequence: Sequence, how: SequenceEnd, error: unknown): EndedSequence {
  return {
    how,
    error,
    isBackground: sequence.class === 'background',
    adapters: sequence.ownAdapters.named,
    promptTokens: sequence.asked.tokens.length,
    cachedTokens: sequence.cachedTokens ?? 0,
    generatedTokens: sequence.generated,
    times: sequence.times,
    finishReason: sequence.finishReason,
    asked: sequence.asked,
    origin: sequence.asked.origin,
  };
}
