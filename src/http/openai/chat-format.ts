import type { Piece, ToolCallDelta, WholePiece } from '../../answering/index.ts';
import type { ChoiceFormat } from './choices-format.ts';
import { chatLogprobs } from './logprobs.ts';

export interface ChatFormatOptions {
  readonly withTokenIds: boolean;
  /** Whether calls are written as `function_call`, as in OpenAI's older API. */
  readonly usesFunctions: boolean;
}

/** Writes the choices of a chat. Thoughts have the two names by which clients know them. */
export function chatFormat({ withTokenIds, usesFunctions }: ChatFormatOptions): ChoiceFormat {
  const told = (logprobs: Piece['logprobs']): object | null => (logprobs === undefined ? null : chatLogprobs(logprobs));
  const rest = ({ logprobs, finishReason, tokenIds }: Piece): object => ({
    logprobs: told(logprobs),
    finish_reason: (usesFunctions && finishReason === 'tool_calls' ? 'function_call' : finishReason) ?? null,
    ...(withTokenIds ? { token_ids: tokenIds } : {}),
  });
  const calls = usesFunctions ? functionOf : toolsOf;
  return {
    idPrefix: 'chatcmpl',
    object: 'chat.completion',
    chunkObject: 'chat.completion.chunk',
    opening: (index) => ({ index, delta: { role: 'assistant', content: '' }, logprobs: null, finish_reason: null }),
    chunk: (index, piece) => ({ index, delta: { ...deltaOf(piece), ...calls(piece, deltaOfCall) }, ...rest(piece) }),
    choice: (index, whole) => ({
      index,
      message: { ...messageOf(whole), refusal: null, ...calls(whole, wholeCall) },
      ...rest(whole),
    }),
  };
}

/** WHY without an empty content: clients would begin a text with it. */
function deltaOf({ text, reasoning }: Piece): object {
  return { ...thoughtsOf(reasoning), ...(text === '' ? {} : { content: text }) };
}

function messageOf({ text, reasoning, toolCalls }: WholePiece): object {
  const content = text === '' && toolCalls !== undefined ? null : text;
  return { role: 'assistant', content, ...thoughtsOf(reasoning) };
}

function thoughtsOf(reasoning: string | undefined): object {
  return reasoning === undefined ? {} : { reasoning_content: reasoning, reasoning };
}

type WriteCall = (call: ToolCallDelta) => object;

function toolsOf({ toolCalls }: Piece, write: WriteCall): object {
  return toolCalls === undefined ? {} : { tool_calls: toolCalls.map(write) };
}

function functionOf({ toolCalls = [] }: Piece): object {
  const [first] = toolCalls;
  if (first === undefined) return {};
  const { name } = first;
  const text = toolCalls.map(({ arguments: part }) => part).join('');
  return { function_call: { ...(name !== undefined && { name }), arguments: text } };
}

function deltaOfCall({ index, id, name, arguments: text }: ToolCallDelta): object {
  const begun = id === undefined ? {} : { id, type: 'function' };
  return { index, ...begun, function: { ...(name !== undefined && { name }), arguments: text } };
}

function wholeCall({ id, name, arguments: text }: ToolCallDelta): object {
  return { id, type: 'function', function: { name, arguments: text } };
}
