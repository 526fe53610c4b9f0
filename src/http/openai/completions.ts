import type { FastifyInstance } from 'fastify';
import { EspalierError } from '../../core/index.ts';
import type { Prompt } from './echo.ts';
import { completionLogprobs } from './logprobs.ts';
import { checkTextLength } from './prompt-text.ts';
import { completionSchema, parseBody, type CompletionBody } from './request-body.ts';
import { refuseUnsupported } from './refused-fields.ts';
import type { AnswerFormat } from './answer.ts';
import { answerRequest } from './answer-request.ts';
import type { ServingContext } from '../../service/index.ts';

/** OpenAI's default length of a completion. */
const defaultMaxTokens = 16;

/** `POST /v1/completions`: text or token ids go on. */
export function addCompletions(app: FastifyInstance, context: ServingContext): void {
  app.post('/v1/completions', { config: { access: 'inference' } }, async (request, reply) => {
    const body = parseBody(completionSchema, request.body);
    refuseUnsupported(body, { route: 'completions', honoured: Object.keys(completionSchema.shape) });
    return answerRequest(context, reply, {
      body,
      key: request.ip,
      prompts: promptsOf(body, context),
      maxTokens: () => body.max_tokens ?? defaultMaxTokens,
      format: (head) => completionFormat(head, body.return_token_ids === true || context.tokenizer === undefined),
      idPrefix: 'cmpl',
      continuesPrompt: true,
      echo: body.echo === true,
      topLogprobs: body.logprobs ?? undefined,
    });
  });
}

function promptsOf(body: CompletionBody, context: ServingContext): Prompt[] {
  const { prompt } = body;
  const prompts = Array.isArray(prompt) && typeof prompt[0] !== 'number' ? prompt : [prompt];
  return prompts.map((one) => {
    if (Array.isArray(one)) return { tokens: one as number[] };
    if (context.tokenizer === undefined) {
      throw new EspalierError('REQUEST_UNSUPPORTED', {
        param: 'prompt',
        problem: 'the base has no tokenizer, send token ids',
      });
    }
    const text = String(one);
    checkTextLength(text, 'prompt', context.maxLength);
    return { text, tokens: context.tokenizer.encode(text, { bos: true }) };
  });
}

function completionFormat(head: Readonly<Record<string, unknown>>, withTokenIds: boolean): AnswerFormat {
  const whole = { ...head, object: 'text_completion' };
  return {
    head: whole,
    chunkHead: whole,
    chunk: (index, { text, tokenIds, logprobs, finishReason }) => ({
      index,
      text,
      logprobs: logprobs === undefined ? null : completionLogprobs(logprobs),
      finish_reason: finishReason ?? null,
      ...(withTokenIds ? { token_ids: tokenIds } : {}),
    }),
    choice(index, piece) {
      return this.chunk(index, piece);
    },
  };
}
