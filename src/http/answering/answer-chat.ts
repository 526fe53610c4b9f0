import type { FastifyReply } from 'fastify';
import { type Caller, type ChatRequest, chatPlan } from '../../answering/index.ts';
import type { ServingContext } from '../../service/index.ts';
import { answerRequest, type AnswerRequestOptions } from './answer-request.ts';
import { assertServed } from './asked-adapters.ts';

export interface AnswerChatOptions extends Pick<AnswerRequestOptions, 'format' | 'rolloutKey'> {
  readonly caller: Caller;
  readonly chat: ChatRequest;
}

/** Answers a turn of a chat, from the check of the model's name to the last byte. */
export async function answerChat(
  server: ServingContext,
  reply: FastifyReply,
  { chat, caller, ...options }: AnswerChatOptions,
): Promise<unknown> {
  const { request } = reply;
  assertServed(request, server, chat);
  request.place?.resize(chat.drawing.n);
  const { model, mixture, isStreamed } = chat;
  return answerRequest(server, reply, { ...options, ...chatPlan(chat, caller), model, mixture, isStreamed });
}
