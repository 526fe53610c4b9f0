import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { ServingContext } from '../../service/index.ts';
import { answerChat } from '../answering/answer-chat.ts';
import { assertServed } from '../answering/asked-adapters.ts';
import { callerOf, rolloutKeyOf } from '../answering/caller.ts';
import {
  askedModelOf,
  chatPromptOf,
  contextFor,
  chatBodyLimit,
  type AskedModel,
  resolveAsked,
} from '../../answering/index.ts';
import { reservePlace } from '../answering/reserve-place.ts';
import { parseBody } from '../door/parse-body.ts';
import { createFieldCheck } from '../openai/refuse-unsupported.ts';
import { chatRequestOf, type MessagePrompt, messagePromptOf } from './chat-request-of.ts';
import { countTokensSchema, messageSchema, type MessageBody } from './message-body.ts';
import { messageFormat } from './message-format.ts';

const checkMessage = createFieldCheck('messages', Object.keys(messageSchema.shape));

/** Anthropic's `POST /v1/messages` and `/v1/messages/count_tokens`. The header `anthropic-version` may have any value, or be absent. */
export function addMessages(app: FastifyInstance, server: ServingContext): void {
  const options = {
    bodyLimit: chatBodyLimit(server.maxLength, app.initialConfig.bodyLimit ?? Infinity),
    config: { access: 'inference', keepsToNames: true, contextTokens: server.maxLength },
  } as const;
  const answering = { ...options, config: { ...options.config, needsBase: true }, onRequest: reservePlace(server) };
  app.post('/v1/messages', answering, async (request, reply) => {
    const body = parseBody(messageSchema, request.body, checkMessage);
    reply.header('request-id', request.id);
    const chat = { ...chatRequestOf(body), ...askedModelOf(body, server.baseName) };
    const caller = userOf(body);
    return answerChat(server, reply, {
      chat,
      caller: callerOf(request, caller),
      rolloutKey: rolloutKeyOf(caller),
      format: (head) =>
        messageFormat(head, {
          showsThoughts: chat.reasoning.isShown,
          stops: chat.drawing.stops,
          requestId: request.id,
        }),
    });
  });
  app.post('/v1/messages/count_tokens', options, async (request, reply) => {
    const body = parseBody(countTokensSchema, request.body, checkMessage);
    reply.header('request-id', request.id);
    const prompt = { ...messagePromptOf(body), ...askedModelOf(body, server.baseName) };
    return { input_tokens: await countTokens(server, request, prompt) };
  });
}

/** The user whom the client names, by the name of OpenAI's API. */
function userOf({ metadata }: MessageBody): { readonly user?: string } {
  const user = metadata?.user_id;
  return typeof user === 'string' ? { user } : {};
}

/** The tokens of the prompt that the adapter's tokenizer and template make. */
async function countTokens(
  server: ServingContext,
  request: FastifyRequest,
  prompt: MessagePrompt & AskedModel,
): Promise<number> {
  assertServed(request, server, prompt);
  const turn = request.server.turnstile.enter();
  if (turn) await turn;
  using route = await resolveAsked(server, prompt, undefined);
  const tokens = await chatPromptOf(prompt, contextFor(server, route));
  return tokens.length;
}
