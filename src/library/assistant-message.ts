import type { ChatMessage, ToolCall } from '../tokenizer/index.ts';

/** A message with thoughts, under the name by which all templates get them. */
export type ThinkingMessage = ChatMessage & { readonly reasoning_content?: string };

export interface AssistantTurn {
  readonly text: string;
  readonly thoughts: string;
  readonly calls: readonly ToolCall[];
}

/** A turn of the assistant as every caller gives it: without what it does not have, and without content where it only calls tools. */
export function assistantMessage({ text, thoughts, calls }: AssistantTurn): ThinkingMessage {
  return {
    role: 'assistant',
    content: text === '' && calls.length > 0 ? null : text,
    ...(thoughts !== '' && { reasoning_content: thoughts }),
    ...(calls.length > 0 && { tool_calls: calls }),
  };
}
