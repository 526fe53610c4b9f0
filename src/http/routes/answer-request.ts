import { randomUUID } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { EspalierError } from '../../core/index.ts';
import { answerStream, answerWhole, type AnswerFormat } from '../answer.ts';
import { startChoices } from '../generation.ts';
import type { SamplingBody } from '../request-body.ts';
import { chooseModel } from '../served-models.ts';
import type { ServingContext } from '../serving-context.ts';

export interface AnswerRequestOptions {
  readonly body: SamplingBody;
  readonly prompts: readonly (readonly number[])[];
  readonly maxTokens: (promptTokens: number) => number;
  readonly format: (head: Readonly<Record<string, unknown>>) => AnswerFormat;
  readonly idPrefix: string;
  readonly continuesPrompt: boolean;
}

/** Runs one request from the choice of its model to the last byte; a client that goes away ends its generation. */
export async function answerRequest(
  context: ServingContext,
  request: FastifyRequest,
  reply: FastifyReply,
  options: AnswerRequestOptions,
): Promise<unknown> {
  if (context.isShuttingDown()) throw new EspalierError('SHUTTING_DOWN', {});
  const { body, prompts } = options;
  const served = context.adapters.list();
  const { adapters } = chooseModel(
    body.model,
    context.baseName,
    served.map(({ name }) => name),
  );
  // WHY here, in the same turn as the lease that startChoices takes: no replacement can come between the two.
  const version = served.find(({ name }) => name === adapters[0]?.name)?.version ?? 'base';
  const controller = new AbortController();
  const abort = (reason: unknown): void => controller.abort(reason);
  reply.raw.once('close', () => {
    if (!reply.raw.writableFinished) abort(new Error('The client went away'));
  });
  const format = options.format({
    id: `${options.idPrefix}-${randomUUID()}`,
    created: Math.floor(Date.now() / 1000),
    model: body.model,
    system_fingerprint: version,
  });
  const promptTokens = prompts.reduce((sum, tokens) => sum + tokens.length, 0);
  const choices = startAll();
  const answer = {
    choices,
    promptTokens,
    format,
    includeUsage: body.stream_options?.include_usage === true,
    headers: { 'x-request-id': request.id },
    abort,
  };
  if (body.stream !== true) return answerWhole(answer);
  await answerStream(answer, reply);
  return reply;

  function startAll(): ReturnType<typeof startChoices> {
    try {
      const { engine, tokenizer, eosTokenIds } = context;
      const maxTokens = options.maxTokens(Math.max(...prompts.map((tokens) => tokens.length)));
      const { continuesPrompt } = options;
      const { signal } = controller;
      return startChoices({
        engine,
        tokenizer,
        prompts,
        adapters,
        body,
        maxTokens,
        eosTokenIds,
        continuesPrompt,
        signal,
      });
    } catch (error) {
      abort(error);
      throw error;
    }
  }
}
