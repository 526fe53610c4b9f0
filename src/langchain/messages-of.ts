import type { BaseMessage } from '@langchain/core/messages';
import {
  AIMessage,
  ChatMessage as NamedRoleMessage,
  type InvalidToolCall,
  type ToolCall as LangChainCall,
  ToolMessage,
} from '@langchain/core/messages';
import { EspalierError } from '../core/index.ts';
import { assistantMessage, type ThinkingMessage } from '../library/index.ts';
import { objectOf } from './message-of-answer.ts';
import type { ChatMessage, TextPart, ToolCall } from '../tokenizer/index.ts';

const roles: Readonly<Record<string, string>> = { system: 'system', human: 'user', ai: 'assistant', tool: 'tool' };

/**
 * The messages of LangChain, as every other caller gives them.
 * @throws EspalierError OPTION_INVALID for parts that are no text, and for messages that no model reads
 */
export function messagesOf(messages: readonly BaseMessage[]): readonly ChatMessage[] {
  return messages.map((message, index) => messageOf(message, `messages[${index}]`));
}

function messageOf(message: BaseMessage, place: string): ThinkingMessage {
  const role = NamedRoleMessage.isInstance(message) ? message.role : roles[message.type];
  if (role === undefined) {
    throw new EspalierError('OPTION_INVALID', {
      name: place,
      expected: 'a message of the system, a human, an assistant or a tool',
      actual: message.type,
    });
  }
  const { text, thoughts } = wordsOf(message, place);
  const name = message.name === undefined ? {} : { name: message.name };
  if (ToolMessage.isInstance(message)) {
    return { role, content: text, tool_call_id: message.tool_call_id, ...name };
  }
  if (!AIMessage.isInstance(message)) return { role, content: text, ...name };
  // LangChain keeps the two apart, and does not say in which order they were made.
  const { tool_calls: sound = [], invalid_tool_calls: unsound = [] } = message;
  const calls = [
    ...sound.map(callOf),
    ...unsound.map((call, at) => unsoundCallOf(call, `${place}.invalid_tool_calls[${at}]`)),
  ];
  return { ...assistantMessage({ text, thoughts, calls }), ...name };
}

/** The words of a message, and its thoughts: those of its blocks, or what an answer has them as. */
function wordsOf({ content, additional_kwargs: more }: BaseMessage, place: string): { text: string; thoughts: string } {
  const given: unknown = more['reasoning_content'];
  let thoughts = typeof given === 'string' ? given : '';
  if (typeof content === 'string') return { text: content, thoughts };
  const parts: TextPart[] = [];
  for (const [at, part] of content.entries()) {
    const { type, text, reasoning }: Readonly<Record<string, unknown>> = part;
    if (type === 'text' && typeof text === 'string') parts.push({ type, text });
    else if (type === 'reasoning' && typeof reasoning === 'string') thoughts += thoughts === reasoning ? '' : reasoning;
    // The calls are in `tool_calls` too.
    else if (type !== 'tool_call' && type !== 'tool_use') {
      throw new EspalierError('OPTION_INVALID', {
        name: `${place}.content[${at}]`,
        expected: 'text, thoughts or a call of a tool',
        actual: String(type),
      });
    }
  }
  return { text: parts.map((part) => part.text).join(''), thoughts };
}

/** WHY no text: the template then writes the spaces with which the model was trained. */
function callOf({ id, name, args }: LangChainCall): ToolCall {
  const called = { name, arguments: args };
  return { ...(id !== undefined && { id }), type: 'function', function: called };
}

/**
 * A call that LangChain could not read. The arguments of those that we made are no object, and no template writes such a call.
 * WHY it is not left out: the answer of a tool would follow a call that was never made.
 */
function unsoundCallOf({ id, name, args = '' }: InvalidToolCall, place: string): ToolCall {
  const read = objectOf(args);
  if (name !== undefined && read !== undefined) return callOf({ name, args: read, ...(id !== undefined && { id }) });
  throw new EspalierError('OPTION_INVALID', {
    name: place,
    expected: 'a name, and a JSON object as arguments (mend the call, or take it out of the history)',
    actual: `${name ?? 'no name'} with ${JSON.stringify(args.slice(0, 100))}`,
  });
}
