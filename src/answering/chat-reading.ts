import { type AnswerForm, findAnswerForm, type ToolParser } from '../chat/index.ts';
import { EspalierError } from '../core/index.ts';
import type { ServingContext } from '../service/index.ts';
import type { Tokenizer } from '../tokenizer/index.ts';
import { type ChatRequest, offeredTools } from './chat-request.ts';
import type { Prompt } from './echo.ts';
import { answerConstraint } from './forcing/answer-constraint.ts';
import { createReading, type Reading } from './reading.ts';

/**
 * How the answer to a chat is read: by the form that its chat template shows.
 *
 * @returns undefined where an answer can only be plain text
 * @throws EspalierError REQUEST_UNSUPPORTED for tools if it is unknown how the model writes calls, and for a call that is required
 *   together with `min_tokens`
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
  const { isApart = true, isShown } = chat.reasoning;
  const thoughts = isApart ? form.thoughts : undefined;
  const readsChannels = form.calls === 'harmony';
  if (tools === undefined && thoughts === undefined && !readsChannels) return undefined;
  const isThinking = thoughts !== undefined && endsWith(thoughts.open, prompt, tokenizer);
  // WHY: a template that writes an empty thought was asked for none.
  const mayThink = thoughts !== undefined && !endsWith(thoughts.close, prompt, tokenizer);
  const forced = { ...form, thoughts: mayThink ? thoughts : undefined };
  return createReading({
    form: { ...form, thoughts },
    tools,
    isSingle: !chat.parallelToolCalls,
    isThinking,
    showsThoughts: isShown,
    constraint: answerConstraint(chat, { form: forced, isThinking, tokenizer }),
  });
}

function assertReadable({ calls }: AnswerForm, { paramOf }: ChatRequest): void {
  if (calls !== undefined) return;
  const problem =
    'the chat template of the base does not show in which form the model writes calls; name the form with --tool-parser, or describe the tools in the messages';
  throw new EspalierError('REQUEST_UNSUPPORTED', { param: paramOf?.(['tools']) ?? 'tools', problem });
}

/** Tokens that hold the mark of a thought and the white space behind it, in any tokenizer. */
const markTokens = 48;

/** Whether the prompt begins the answer with this mark. */
function endsWith(mark: string, prompt: Prompt | undefined, tokenizer: Tokenizer): boolean {
  const end = prompt?.tokens.slice(-markTokens) ?? [];
  return tokenizer.decode(end, { skipSpecial: false }).trimEnd().endsWith(mark);
}
