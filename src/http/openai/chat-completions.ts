import type { FastifyInstance } from 'fastify';
import type { ServingContext } from '../../service/index.ts';
import { answerChat } from '../answering/answer-chat.ts';
import { callerOf, rolloutKeyOf } from '../answering/caller.ts';
import { askedModelOf, chatBodyLimit } from '../../answering/index.ts';
import { reservePlace } from '../answering/reserve-place.ts';
import { parseBody } from '../door/parse-body.ts';
import { chatFormat } from './chat-format.ts';
import { chatRequestOf } from './chat-request-of.ts';
import { choicesFormat } from './choices-format.ts';
import { createFieldCheck } from './refuse-unsupported.ts';
import { chatCompletionSchema } from './request-body.ts';
import { usesFunctions } from './tools-of.ts';

const checkFields = createFieldCheck('chat', Object.keys(chatCompletionSchema.shape));

/** `POST /v1/chat/completions`. */
export function addChatCompletions(app: FastifyInstance, server: ServingContext): void {
  const options = {
    bodyLimit: chatBodyLimit(server.maxLength, app.initialConfig.bodyLimit ?? Infinity),
    config: { access: 'inference', needsBase: true, keepsToNames: true, contextTokens: server.maxLength },
    onRequest: reservePlace(server),
  } as const;
  app.post('/v1/chat/completions', options, async (request, reply) => {
    const body = parseBody(chatCompletionSchema, request.body, checkFields);
    const format = chatFormat({
      withTokenIds: body.return_token_ids === true,
      usesFunctions: usesFunctions(body),
    });
    const includeUsage = body.stream_options?.include_usage === true;
    return answerChat(server, reply, {
      chat: { ...chatRequestOf(body), ...askedModelOf(body, server.baseName) },
      caller: callerOf(request, body),
      rolloutKey: rolloutKeyOf(body),
      format: (head) => choicesFormat(head, format, { includeUsage }),
    });
  });
}
