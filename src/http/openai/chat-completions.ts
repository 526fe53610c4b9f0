import type { FastifyInstance } from 'fastify';
import type { AnswerFormat } from './answer.ts';
import { callerOf, rolloutKeyOf } from './caller.ts';
import { chatPromptOf } from './chat-prompt.ts';
import { chatLogprobs } from './logprobs.ts';
import type { Piece } from './pieces.ts';
import { chatBodyLimit } from './prompt-text.ts';
import { chatCompletionSchema } from './request-body.ts';
import { parseBody } from './parse-body.ts';
import { createFieldCheck } from './refuse-unsupported.ts';
import type { ServingContext } from '../../service/index.ts';
import { answerRequest } from './answer-request.ts';
import { assertSeen } from '../keys/assert-seen.ts';
import { sharerOf } from '../keys/key-holder.ts';
import { reservePlace } from './reserve-place.ts';

const checkFields = createFieldCheck('chat', Object.keys(chatCompletionSchema.shape));

/** `POST /v1/chat/completions`. The chat template of the base renders the prompt, or that of the adapter where it has one. */
export function addChatCompletions(app: FastifyInstance, server: ServingContext): void {
  const options = {
    bodyLimit: chatBodyLimit(server.maxLength, app.initialConfig.bodyLimit ?? Infinity),
    config: { access: 'inference', needsBase: true, keepsToNames: true, contextTokens: server.maxLength },
    onRequest: reservePlace(server),
  } as const;
  app.post('/v1/chat/completions', options, async (request, reply) => {
    const body = parseBody(chatCompletionSchema, request.body, checkFields);
    assertSeen(request, body.model);
    server.router.assertKnown(body.model);
    request.place?.resize(body.n ?? 1);
    return answerRequest(server, reply, {
      body,
      caller: callerOf(sharerOf(request), body),
      rolloutKey: rolloutKeyOf(body),
      prompts: async (context) => [{ tokens: await chatPromptOf(body, context) }],
      // WHY the rest of the context: OpenAI's API has no default limit for chats.
      length: {
        param: typeof body.max_completion_tokens === 'number' ? 'max_completion_tokens' : 'max_tokens',
        asked: body.max_completion_tokens ?? body.max_tokens,
        byDefault: Infinity,
      },
      format: (head) => chatFormat(head, body.return_token_ids === true),
      idPrefix: 'chatcmpl',
      continuesPrompt: false,
      echo: false,
      topLogprobs: body.logprobs === true ? (body.top_logprobs ?? 0) : undefined,
    });
  });
}

function chatFormat(head: Readonly<Record<string, unknown>>, withTokenIds: boolean): AnswerFormat {
  const told = (logprobs: Piece['logprobs']): object | null => (logprobs === undefined ? null : chatLogprobs(logprobs));
  const ids = (tokenIds: readonly number[]): object => (withTokenIds ? { token_ids: tokenIds } : {});
  return {
    head: { ...head, object: 'chat.completion' },
    chunkHead: { ...head, object: 'chat.completion.chunk' },
    opening: (index) => ({ index, delta: { role: 'assistant', content: '' }, logprobs: null, finish_reason: null }),
    chunk: (index, { text, tokenIds, logprobs, finishReason }) => ({
      index,
      delta: { content: text },
      logprobs: told(logprobs),
      finish_reason: finishReason ?? null,
      ...ids(tokenIds),
    }),
    choice: (index, { text, tokenIds, logprobs, finishReason }) => ({
      index,
      message: { role: 'assistant', content: text, refusal: null },
      logprobs: told(logprobs),
      finish_reason: finishReason ?? null,
      ...ids(tokenIds),
    }),
  };
}
