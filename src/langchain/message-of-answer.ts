import {
  AIMessage,
  AIMessageChunk,
  type AIMessageChunkFields,
  type AIMessageFields,
  type InvalidToolCall,
  type ToolCall,
  type UsageMetadata,
} from '@langchain/core/messages';
import type { Answer, AnsweringAdapter, Piece, Usage } from '../library/index.ts';

// WHY the fields are cast below: their types depend on a structure of messages that a plain chat does not name.

/** A whole answer as a message. */
export function messageOfAnswer(answer: Answer, model: string): AIMessage {
  const calls: ToolCall[] = [];
  const invalid: InvalidToolCall[] = [];
  for (const { id, name, arguments: text } of answer.toolCalls ?? []) {
    const args = objectOf(text);
    if (args !== undefined) calls.push({ type: 'tool_call', id, name, args });
    else invalid.push({ type: 'invalid_tool_call', id, name, args: text, error: 'The arguments are no JSON object.' });
  }
  const fields = {
    content: answer.text,
    additional_kwargs: thoughtsOf(answer.reasoning),
    tool_calls: calls,
    invalid_tool_calls: invalid,
    usage_metadata: usageOf(answer.usage),
    response_metadata: metadataOf(answer, model),
  };
  return new AIMessage(fields as AIMessageFields);
}

/** What a piece adds to a message. How the answer ended is in the last one only, because chunks are added up. */
export function chunkOfPiece(piece: Piece, model: string): AIMessageChunk {
  const { text, reasoning, toolCalls = [], finishReason, usage, answeredBy = [] } = piece;
  const fields = {
    content: text,
    additional_kwargs: thoughtsOf(reasoning),
    tool_call_chunks: toolCalls.map(({ index, id, name, arguments: args }) => {
      const begun = { ...(id !== undefined && { id }), ...(name !== undefined && { name }) };
      return { type: 'tool_call_chunk', index, args, ...begun };
    }),
    ...(usage && { usage_metadata: usageOf(usage) }),
    ...(finishReason && { response_metadata: metadataOf({ finishReason, answeredBy }, model) }),
  };
  return new AIMessageChunk(fields as AIMessageChunkFields);
}

function thoughtsOf(reasoning: string | undefined): Record<string, unknown> {
  return reasoning === undefined ? {} : { reasoning_content: reasoning };
}

function usageOf({ promptTokens, cachedTokens, completionTokens, reasoningTokens }: Usage): UsageMetadata {
  return {
    input_tokens: promptTokens,
    output_tokens: completionTokens,
    total_tokens: promptTokens + completionTokens,
    input_token_details: { cache_read: cachedTokens },
    output_token_details: { reasoning: reasoningTokens },
  };
}

/** The name that was asked, the adapter and the version that answered, and why the answer ended. */
function metadataOf(
  { finishReason, answeredBy }: Pick<Answer, 'finishReason' | 'answeredBy'>,
  model: string,
): Record<string, unknown> {
  return { model_provider: 'espalier', model_name: model, finish_reason: finishReason, ...namesOf(answeredBy) };
}

function namesOf(answeredBy: readonly AnsweringAdapter[]): object {
  const [first, ...others] = answeredBy;
  if (first === undefined) return {};
  if (others.length === 0 && first.scale === 1) return { adapter: first.adapter, version: first.version };
  return { adapters: answeredBy };
}

/** The arguments of a call as the model wrote them; undefined where they are no JSON object. */
export function objectOf(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text === '' ? '{}' : text);
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
    return isObject ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
