import type { BaseChatModelCallOptions, BindToolsInput } from '@langchain/core/language_models/chat_models';
import { convertToOpenAITool, isLangChainTool } from '@langchain/core/utils/function_calling';
import { EspalierError } from '../core/index.ts';
import type { ChatOptions } from '../library/index.ts';

export interface ToolOptions extends Pick<BaseChatModelCallOptions, 'tool_choice'> {
  readonly tools?: readonly BindToolsInput[];
}

/**
 * The tools of a call in OpenAI's form, and which of them is called: `any` is what OpenAI calls `required`.
 * @throws EspalierError OPTION_INVALID
 */
export function chatToolsOf({ tools, tool_choice: choice }: ToolOptions): Pick<ChatOptions, 'tools' | 'toolChoice'> {
  if (tools === undefined) return {};
  const chosen = toolChoiceOf(choice);
  return {
    tools: tools.map((tool) => (isLangChainTool(tool) ? convertToOpenAITool(tool) : tool)),
    ...(chosen !== undefined && { toolChoice: chosen }),
  };
}

function toolChoiceOf(choice: ToolOptions['tool_choice']): ChatOptions['toolChoice'] {
  if (choice === undefined || choice === 'auto' || choice === 'none' || choice === 'required') return choice;
  if (choice === 'any') return 'required';
  if (typeof choice === 'string') return { name: choice };
  const name: unknown = choice['function']?.name ?? choice['name'];
  if (typeof name === 'string') return { name };
  throw new EspalierError('OPTION_INVALID', {
    name: 'tool_choice',
    expected: 'auto, none, any, the name of a tool, or an object with it',
    actual: JSON.stringify(choice).slice(0, 200),
  });
}
