import type { FastifyReply } from 'fastify';
import { withWrittenNumbers } from '../../core/index.ts';
import type { ServingContext } from '../../service/index.ts';
import { answerRequest, type AnswerRequestOptions } from './answer-request.ts';
import { assertServed } from './asked-adapters.ts';
import { chatPromptOf } from './chat-prompt.ts';
import { chatReadingOf } from './chat-reading.ts';
import { type ChatRequest, offeredTools } from './chat-request.ts';

export interface AnswerChatOptions extends Pick<AnswerRequestOptions, 'format' | 'caller' | 'rolloutKey'> {
  readonly chat: ChatRequest;
}

/**
 * Answers a turn of a chat, from the check of the model's name to the last byte. The chat template of the base renders the prompt, or
 * that of the adapter where it has one.
 */
export async function answerChat(
  server: ServingContext,
  reply: FastifyReply,
  { chat, ...options }: AnswerChatOptions,
): Promise<unknown> {
  const { request } = reply;
  assertServed(request, server, chat);
  request.place?.resize(chat.drawing.n);
  const prompt = { ...chat, tools: offeredTools(chat), variables: variablesOf(chat) };
  return answerRequest(server, reply, {
    ...options,
    model: chat.model,
    mixture: chat.mixture,
    drawing: chat.drawing,
    constraint: chat.constraint,
    isStreamed: chat.isStreamed,
    prompts: async (context) => [{ tokens: await chatPromptOf(prompt, context) }],
    reading: (context, prompts) => chatReadingOf(chat, context, prompts),
    length: chat.length,
    continuesPrompt: false,
    echo: false,
  });
}

/** The values for the template, with the effort by the names that templates have for it. */
function variablesOf({ variables, reasoning: { effort } }: ChatRequest): ChatRequest['variables'] {
  if (effort === undefined) return variables;
  const wished = effort === 'none' ? { enable_thinking: false } : { reasoning_effort: effort };
  return withWrittenNumbers({ ...wished, ...variables }, variables);
}
