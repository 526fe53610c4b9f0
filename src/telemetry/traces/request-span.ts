import { errorType } from '../error-type.ts';
import type { EndedSequence } from '../metrics/sources.ts';
import { shortVersion } from '../short-version.ts';
import type { Attributes, PlannedSpan } from './planned-span.ts';

/** What a route does, in the words of the conventions for generative AI, which have none for `rerank`. */
export type Operation = 'chat' | 'text_completion' | 'embeddings' | 'rerank';

export interface SequenceContext {
  readonly operation: Operation;
  readonly isStreamed?: boolean;
  readonly baseName: string;
  /** Unix time in milliseconds at which the clock of the sequence's times was 0. */
  readonly timeOrigin: number;
}

/** The name of the provider. WHY our own: the conventions list services, and this is none of them. */
const provider = 'espalier';

/**
 * The span of a sequence with its children: its wait, the run of its prompt, and its tokens. It says nothing of what was asked or
 * answered.
 *
 * @see OpenTelemetry, semantic conventions for generative AI, spans (status: development)
 */
export function sequenceSpan(
  ended: EndedSequence,
  { operation, isStreamed = false, baseName, timeOrigin }: SequenceContext,
): PlannedSpan {
  const { times, adapters, how, error } = ended;
  const { arrived = 0, finished = arrived } = times;
  const at = (time: number): number => timeOrigin + time;
  const names = adapters.map(({ name }) => name).join('+');
  const model = names === '' ? baseName : `${baseName}:${names}`;
  const versions = adapters.map(({ version }) => version);
  return {
    name: `${operation} ${model}`,
    start: at(arrived),
    end: at(finished),
    attributes: {
      'gen_ai.operation.name': operation,
      'gen_ai.provider.name': provider,
      'gen_ai.request.model': model,
      'gen_ai.response.model': versions.length === 0 ? baseName : `${model}@${versions.map(shortVersion).join('+')}`,
      'gen_ai.usage.input_tokens': ended.promptTokens,
      ...(isGenerated(operation) && {
        'gen_ai.usage.output_tokens': ended.generatedTokens,
        'gen_ai.usage.cache_read.input_tokens': ended.cachedTokens,
      }),
      ...requestAttributes(ended),
      ...(isStreamed && { 'gen_ai.request.stream': true }),
      ...(times.firstToken !== undefined && {
        'gen_ai.response.time_to_first_chunk': (times.firstToken - arrived) / 1000,
      }),
      'espalier.sequence.outcome': how,
    },
    errorType: how === 'failed' ? errorType(error) : undefined,
    children: (isGenerated(operation) ? stages(ended) : []).map(({ name, from, to }) => ({
      name,
      start: at(from),
      end: at(to),
      attributes: {},
    })),
  };
}

/** WHY asked: what an encoder reads has neither the stages nor the tokens of an answer. */
function isGenerated(operation: Operation): boolean {
  return operation === 'chat' || operation === 'text_completion';
}

function requestAttributes({ asked, finishReason }: EndedSequence): Attributes {
  return {
    ...(asked?.maxTokens !== undefined && { 'gen_ai.request.max_tokens': asked.maxTokens }),
    ...(asked?.temperature !== undefined && { 'gen_ai.request.temperature': asked.temperature }),
    ...(asked?.topP !== undefined && { 'gen_ai.request.top_p': asked.topP }),
    ...(asked?.topK !== undefined && { 'gen_ai.request.top_k': asked.topK }),
    ...(asked?.seed !== undefined && { 'gen_ai.request.seed': asked.seed }),
    ...(finishReason !== undefined && { 'gen_ai.response.finish_reasons': [finishReason] }),
  };
}

/** The stages that it came to. */
function stages({ times }: EndedSequence): { name: string; from: number; to: number }[] {
  const { arrived = 0, admitted, firstToken, finished = arrived } = times;
  return [
    { name: 'queue', from: arrived, to: admitted ?? finished },
    ...(admitted === undefined ? [] : [{ name: 'prefill', from: admitted, to: firstToken ?? finished }]),
    ...(firstToken === undefined ? [] : [{ name: 'decode', from: firstToken, to: finished }]),
  ];
}
