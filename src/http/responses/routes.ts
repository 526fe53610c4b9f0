import type { FastifyInstance } from 'fastify';
import type { ServingContext } from '../../service/index.ts';
import { answerChat } from '../answering/answer-chat.ts';
import { callerOf, rolloutKeyOf } from '../answering/caller.ts';
import { askedModelOf, chatBodyLimit } from '../../answering/index.ts';
import { reservePlace } from '../answering/reserve-place.ts';
import { parseBody } from '../door/parse-body.ts';
import { createFieldCheck } from '../openai/refuse-unsupported.ts';
import { chatRequestOf } from './chat-request-of.ts';
import { conversationOf } from './conversation-of.ts';
import { addKeptResponses } from './kept-routes.ts';
import { responseSchema } from './response-body.ts';
import { ResponseFormat } from './response-format.ts';
import { ownerOf } from './response-owner.ts';
import type { ResponseStore } from './store/response-store.ts';

const checkFields = createFieldCheck('responses', Object.keys(responseSchema.shape));

/** `POST /v1/responses`, and the routes of the responses that are kept. */
export function addResponses(app: FastifyInstance, server: ServingContext, store: ResponseStore): void {
  const options = {
    bodyLimit: chatBodyLimit(server.maxLength, app.initialConfig.bodyLimit ?? Infinity),
    config: { access: 'inference', needsBase: true, keepsToNames: true, contextTokens: server.maxLength },
    onRequest: reservePlace(server),
  } as const;
  app.post('/v1/responses', options, async (request, reply) => {
    const body = parseBody(responseSchema, request.body, checkFields);
    const owner = ownerOf(request);
    const conversation = conversationOf(body, store, owner);
    const isKept = body.store !== false && store.isOpen;
    return answerChat(server, reply, {
      chat: { ...chatRequestOf(body, conversation), ...askedModelOf(body, server.baseName) },
      caller: callerOf(request, body),
      rolloutKey: rolloutKeyOf(body),
      format: (head) =>
        new ResponseFormat({
          head,
          body,
          isKept,
          ended(response, output) {
            if (!isKept) return;
            const kept = { response, input: conversation.input, output };
            store.put(owner, kept, body.previous_response_id ?? undefined);
          },
        }),
    });
  });
  addKeptResponses(app, store);
}
