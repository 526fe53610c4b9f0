import { type AnswerForm, findAnswerForm, type ToolParser } from '../../chat/index.ts';
import { EspalierError } from '../../core/index.ts';
import type { ServingContext } from '../../service/index.ts';
import type { Tokenizer } from '../../tokenizer/index.ts';
import type { ChatRequest } from './chat-request.ts';
import type { Prompt } from './echo.ts';
import { createReading, type Reading } from './reading.ts';

/** The tools that the answer may call. undefined: none. */
export function offeredTools({ tools, toolChoice }: Pick<ChatRequest, 'tools' | 'toolChoice'>): ChatRequest['tools'] {
  return toolChoice === 'none' ? undefined : tools;
}

/**
 * How the answer to a chat is read: by the form that its chat template shows.
 *
 * @returns undefined where an answer can only be plain text
 * @throws EspalierError REQUEST_UNSUPPORTED for tools if it is unknown how the model writes calls
 */
export function chatReadingOf(
  chat: ChatRequest,
  { tokenizer, toolParser }: Pick<ServingContext, 'tokenizer' | 'toolParser'>,
  [prompt]: readonly Prompt[],
): Reading | undefined {
  if (tokenizer === undefined) return undefined;
  const form = findAnswerForm(tokenizer, toolParser as ToolParser | undefined);
  const tools = offeredTools(chat);
  if (tools !== undefined) assertReadable(form, chat);
  if (typeof chat.toolChoice === 'object' || chat.toolChoice === 'required') refuseForced(chat);
  const { isApart = true, isShown } = chat.reasoning;
  const thoughts = isApart ? form.thoughts : undefined;
  const readsChannels = form.calls === 'harmony';
  if (tools === undefined && thoughts === undefined && !readsChannels) return undefined;
  return createReading({
    form: { ...form, thoughts },
    tools,
    isSingle: !chat.parallelToolCalls,
    isThinking: thoughts !== undefined && endsWith(thoughts.open, prompt, tokenizer),
    showsThoughts: isShown,
  });
}

function assertReadable({ calls }: AnswerForm, { paramOf }: ChatRequest): void {
  if (calls !== undefined) return;
  const problem =
    'the chat template of the base does not show in which form the model writes calls; name the form with --tool-parser, or describe the tools in the messages';
  throw new EspalierError('REQUEST_UNSUPPORTED', { param: paramOf?.(['tools']) ?? 'tools', problem });
}

function refuseForced({ paramOf }: ChatRequest): never {
  const problem = 'no call can be forced; say in the messages which tool is to be called';
  throw new EspalierError('REQUEST_UNSUPPORTED', { param: paramOf?.(['tool_choice']) ?? 'tool_choice', problem });
}

/** Tokens that hold the mark of a thought and the white space behind it, in any tokenizer. */
const markTokens = 48;

/** Whether the prompt begins the answer with this mark. */
function endsWith(mark: string, prompt: Prompt | undefined, tokenizer: Tokenizer): boolean {
  const end = prompt?.tokens.slice(-markTokens) ?? [];
  return tokenizer.decode(end, { skipSpecial: false }).trimEnd().endsWith(mark);
}
