import type { AnswerFormat, AnswerHead, StreamEvent } from '../answering/answer-format.ts';
import type { Piece, Usage, WholePiece } from '../../answering/index.ts';
import { openAiErrorOf } from './openai-error.ts';

/** What differs between the answers of completions and of chat completions. */
export interface ChoiceFormat {
  readonly idPrefix: string;
  /** The `object` of a whole answer, and of a chunk. */
  readonly object: string;
  readonly chunkObject: string;
  /** The chunk before the first token, if the API has one. */
  opening?(index: number): object;
  chunk(index: number, piece: Piece): object;
  choice(index: number, whole: WholePiece): object;
}

/** Writes answers as objects with `choices`. The fingerprint is the version of the adapter. */
export function choicesFormat(
  head: AnswerHead,
  format: ChoiceFormat,
  { includeUsage }: { readonly includeUsage: boolean },
): AnswerFormat {
  const fields = (object: string): object => ({
    id: `${format.idPrefix}-${head.id}`,
    object,
    created: head.created,
    model: head.model,
    system_fingerprint: head.version ?? 'base',
  });
  let first = head.answeredBy;
  const none = includeUsage ? { usage: null } : {};
  const chunk = (choices: readonly object[], usage: object = none): StreamEvent => {
    const data = { ...fields(format.chunkObject), choices, ...usage, ...first };
    first = {};
    return { data };
  };
  return {
    whole: (choices, usage) => ({
      ...fields(format.object),
      choices: choices.map((whole, index) => format.choice(index, whole)),
      usage: usageOf(usage),
      ...head.answeredBy,
    }),
    begin: (index) => (format.opening ? [chunk([format.opening(index)])] : []),
    piece: (index, piece) => [chunk([format.chunk(index, piece)])],
    end: (usage) => [...(includeUsage ? [chunk([], { usage: usageOf(usage) })] : []), done],
    failed: (error) => [{ data: openAiErrorOf(error).body }, done],
  };
}

const done: StreamEvent = { data: '[DONE]' };

function usageOf({ promptTokens, cachedTokens, completionTokens, reasoningTokens }: Usage): object {
  return {
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    total_tokens: promptTokens + completionTokens,
    prompt_tokens_details: { cached_tokens: cachedTokens },
    ...(reasoningTokens > 0 && { completion_tokens_details: { reasoning_tokens: reasoningTokens } }),
  };
}
