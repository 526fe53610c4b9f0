import type { FastifyReply } from 'fastify';
import type { ServingContext } from '../../service/index.ts';
import { assertSeen } from '../keys/assert-seen.ts';
import { answerRequest, type AnswerRequestOptions } from './answer-request.ts';
import { chatPromptOf } from './chat-prompt.ts';
import type { ChatRequest } from './chat-request.ts';

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
  assertSeen(request, chat.model);
  server.router.assertKnown(chat.model);
  request.place?.resize(chat.drawing.n);
  return answerRequest(server, reply, {
    ...options,
    model: chat.model,
    drawing: chat.drawing,
    isStreamed: chat.isStreamed,
    prompts: async (context) => [{ tokens: await chatPromptOf(chat, context) }],
    length: chat.length,
    continuesPrompt: false,
    echo: false,
  });
}
