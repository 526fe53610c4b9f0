import type {
  LanguageModelV4FilePart,
  LanguageModelV4Message,
  LanguageModelV4Prompt,
  LanguageModelV4ToolResultOutput,
  LanguageModelV4ToolResultPart,
} from '@ai-sdk/provider';
import { EspalierError } from '../core/index.ts';
import { assistantMessage, type ThinkingMessage } from '../library/index.ts';
import type { ChatMessage, ToolCall } from '../tokenizer/index.ts';

/**
 * The messages of a prompt of the AI SDK, as every other caller gives them.
 * @throws EspalierError OPTION_INVALID for files, which no base reads
 */
export function messagesOf(prompt: LanguageModelV4Prompt): readonly ThinkingMessage[] {
  return prompt.flatMap((message, index) => messagesOfOne(message, `prompt[${index}]`));
}

function messagesOfOne(message: LanguageModelV4Message, place: string): readonly ThinkingMessage[] {
  switch (message.role) {
    case 'system':
      return [{ role: 'system', content: message.content }];
    case 'user':
      return [
        {
          role: 'user',
          content: message.content.map((part, at) => ({ type: 'text', text: textOf(part, `${place}.content[${at}]`) })),
        },
      ];
    case 'assistant':
      return [assistantOf(message.content, place)];
    case 'tool':
      return message.content.flatMap((part, at) =>
        part.type === 'tool-result' ? [resultOf(part, `${place}.content[${at}]`)] : [],
      );
    default:
      return message satisfies never;
  }
}

type AssistantParts = Extract<LanguageModelV4Message, { role: 'assistant' }>['content'];

function assistantOf(parts: AssistantParts, place: string): ThinkingMessage {
  let [text, thoughts] = ['', ''];
  const calls: ToolCall[] = [];
  for (const [at, part] of parts.entries()) {
    if (part.type === 'text') text += part.text;
    else if (part.type === 'reasoning') thoughts += part.text;
    else if (part.type === 'tool-call') calls.push(callOf(part));
    else if (part.type === 'file') text += textOf(part, `${place}.content[${at}]`);
    else throw unreadable(`${place}.content[${at}]`, part.type);
  }
  return assistantMessage({ text, thoughts, calls });
}

function callOf({
  toolCallId: id,
  toolName: name,
  input,
}: {
  readonly toolCallId: string;
  readonly toolName: string;
  readonly input: unknown;
}): ToolCall {
  return { id, type: 'function', function: { name, arguments: argumentsOf(input) } };
}

/** WHY no text where it is an object: the template then writes the spaces with which the model was trained. */
function argumentsOf(input: unknown): ToolCall['function']['arguments'] {
  const isObject = typeof input === 'object' && input !== null && !Array.isArray(input);
  return isObject ? (input as Readonly<Record<string, unknown>>) : JSON.stringify(input ?? {});
}

function resultOf({ toolCallId, toolName, output }: LanguageModelV4ToolResultPart, place: string): ChatMessage {
  return { role: 'tool', tool_call_id: toolCallId, name: toolName, content: outputText(output, place) };
}

function outputText(output: LanguageModelV4ToolResultOutput, place: string): string {
  switch (output.type) {
    case 'text':
    case 'error-text':
      return output.value;
    case 'json':
    case 'error-json':
      return JSON.stringify(output.value);
    case 'execution-denied':
      return output.reason ?? 'The call was denied.';
    case 'content':
      return output.value
        .map((part, at) => {
          if (part.type === 'custom') throw unreadable(`${place}.output.value[${at}]`, part.type);
          return textOf(part, `${place}.output.value[${at}]`);
        })
        .join('');
    default:
      return output satisfies never;
  }
}

type TextOrFile = { readonly type: 'text'; readonly text: string } | Pick<LanguageModelV4FilePart, 'type' | 'data'>;

/** The words of a part: its text, or that of a file whose text stands in it. */
function textOf(part: TextOrFile, place: string): string {
  if (part.type === 'text') return part.text;
  if (part.data.type === 'text') return part.data.text;
  throw unreadable(place, 'a file');
}

function unreadable(name: string, actual: string): EspalierError {
  return new EspalierError('OPTION_INVALID', {
    name,
    expected: 'text, thoughts, or calls of tools and their results',
    actual,
  });
}
