import { randomUUID } from 'node:crypto';
import type { FastifyReply } from 'fastify';
import { answeredByField, sayAnsweredBy } from '../answered-by.ts';
import { answerStream, answerWhole, type AnswerFormat } from './answer.ts';
import type { Caller } from './caller.ts';
import { contextFor } from './context-for.ts';
import type { Prompt } from './echo.ts';
import { answerLength, type LengthLimit } from './answer-length.ts';
import { startChoices, type Choice, type StartOptions } from './generation.ts';
import type { SamplingBody } from './request-body.ts';
import type { GenerationRoute, ServingContext } from '../../service/index.ts';

export interface AnswerRequestOptions {
  readonly body: SamplingBody;
  /** Makes the prompts, with the tokenizer of the version that answers. */
  readonly prompts: (context: ServingContext) => Promise<readonly Prompt[]>;
  readonly length: LengthLimit;
  readonly format: (head: Readonly<Record<string, unknown>>) => AnswerFormat;
  readonly idPrefix: string;
  readonly continuesPrompt: boolean;
  readonly echo: boolean;
  /** Number of most likely tokens to report beside each token; undefined reports no log-probabilities. */
  readonly topLogprobs: number | undefined;
  readonly caller: Caller;
}

/**
 * Runs one request from the choice of its model to the last byte. If the client disconnects, the generation ends.
 *
 * WHY the prompts come after the lease: an adapter may be replaced meanwhile, and the template and the weights must be of one version.
 */
export async function answerRequest(
  server: ServingContext,
  reply: FastifyReply,
  options: AnswerRequestOptions,
): Promise<unknown> {
  const { body } = options;
  const controller = new AbortController();
  reply.raw.once('close', () => {
    if (!reply.raw.writableFinished) controller.abort(new Error('The client went away'));
  });
  using route = await server.router.resolve(body.model);
  sayAnsweredBy(reply, route);
  const context = contextFor(server, route);
  const prompts = await options.prompts(context);
  const answer = {
    choices: await startAll(context, { ...options, prompts, place: reply.request.place }, route, controller),
    promptTokens: prompts.reduce((sum, { tokens }) => sum + tokens.length, 0),
    format: options.format(headOf(options, route)),
    answeredBy: answeredByField(route),
    includeUsage: body.stream_options?.include_usage === true,
    headers: reply.getHeaders(),
    abort: (reason: unknown) => controller.abort(reason),
  };
  if (body.stream !== true) return answerWhole(answer);
  await answerStream(answer, reply);
  return reply;
}

/** The fields with which every object of the answer begins. The fingerprint is the version of the adapter. */
function headOf({ body, idPrefix }: AnswerRequestOptions, route: GenerationRoute): Readonly<Record<string, unknown>> {
  return {
    id: `${idPrefix}-${randomUUID()}`,
    created: Math.floor(Date.now() / 1000),
    model: body.model,
    system_fingerprint: route.version ?? 'base',
  };
}

/** Starts all choices, or none: if the engine refuses one, those begun before it are ended. */
async function startAll(
  { engine, tokenizer, eosTokenIds, maxLength }: ServingContext,
  { length, ...options }: Omit<AnswerRequestOptions, 'prompts'> & Pick<StartOptions, 'place' | 'prompts'>,
  { leases }: GenerationRoute,
  controller: AbortController,
): Promise<Choice[]> {
  const longest = options.prompts.reduce((most, { tokens }) => Math.max(most, tokens.length), 0);
  const maxTokens = answerLength(length, longest, maxLength);
  const { signal } = controller;
  const adapters = leases.map((lease) => ({ lease }));
  const common: StartOptions = { ...options, engine, tokenizer, adapters, maxTokens, eosTokenIds, signal };
  try {
    return await startChoices(common);
  } catch (error) {
    controller.abort(error);
    throw error;
  }
}
