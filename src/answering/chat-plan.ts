import { withWrittenNumbers } from '../core/index.ts';
import type { Caller } from './caller.ts';
import { chatPromptOf, newestPromptOf } from './chat-prompt.ts';
import { chatReadingOf } from './chat-reading.ts';
import { type ChatRequest, offeredTools } from './chat-request.ts';
import type { AnswerPlan } from './start-answer.ts';

/** How a turn of a chat is answered. The chat template of the base renders the prompt, or that of the adapter where it has one. */
export function chatPlan(chat: ChatRequest, caller?: Caller): AnswerPlan {
  const prompt = { ...chat, tools: offeredTools(chat), variables: variablesOf(chat) };
  return {
    caller,
    drawing: chat.drawing,
    constraint: chat.constraint,
    prompts: async (context) => {
      const tokens = chat.leavesOldTurns === true ? newestPromptOf(prompt, context) : chatPromptOf(prompt, context);
      return [{ tokens: await tokens }];
    },
    reading: (context, prompts) => chatReadingOf(chat, context, prompts),
    length: chat.length,
    continuesPrompt: false,
    echo: false,
  };
}

/** The values for the template, with the effort by the names that templates have for it. */
function variablesOf({ variables, reasoning: { effort } }: ChatRequest): ChatRequest['variables'] {
  if (effort === undefined) return variables;
  const wished = effort === 'none' ? { enable_thinking: false } : { reasoning_effort: effort };
  return withWrittenNumbers({ ...wished, ...variables }, variables);
}
