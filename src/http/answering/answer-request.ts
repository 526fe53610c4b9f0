import { randomUUID } from 'node:crypto';
import type { FastifyReply } from 'fastify';
import type { ConstraintSpec } from '../../constrain/index.ts';
import { forReader } from '../door/error-answer.ts';
import { answeredByField, sayAnsweredBy } from '../answered-by.ts';
import { answerStream, answerWhole } from './answer.ts';
import type { AnswerFormat, AnswerHead } from './answer-format.ts';
import type { Caller } from './caller.ts';
import { type AskedForm, compileForm } from './asked-form.ts';
import { type AskedModel, resolveAsked } from './asked-adapters.ts';
import { contextFor } from './context-for.ts';
import type { Prompt } from './echo.ts';
import { answerLength, type LengthLimit } from './answer-length.ts';
import { startChoices, type Choice, type StartOptions } from './generation.ts';
import { ClientConnection } from './client-connection.ts';
import type { Drawing } from './drawing.ts';
import type { Reading } from './reading.ts';
import { WatchedCall } from './watched-call.ts';
import type { GenerationRoute, ServingContext } from '../../service/index.ts';

export interface AnswerRequestOptions extends AskedModel {
  readonly drawing: Drawing;
  /** The form that the text of the answer must have. undefined: any. */
  readonly constraint?: AskedForm | undefined;
  readonly isStreamed: boolean;
  /** Makes the prompts, with the tokenizer of the version that answers. */
  readonly prompts: (context: ServingContext) => Promise<readonly Prompt[]>;
  /** How the texts of the answer are read. Absent: as plain text. */
  readonly reading?: (context: ServingContext, prompts: readonly Prompt[]) => Reading | undefined;
  readonly length: LengthLimit;
  /** Makes what writes the answer, when all choices have begun. */
  readonly format: (head: AnswerHead) => AnswerFormat;
  readonly continuesPrompt: boolean;
  readonly echo: boolean;
  readonly caller: Caller;
  /** What belongs together in a roll-out; undefined: the request is assigned by itself. */
  readonly rolloutKey: string | undefined;
}

/**
 * Runs one request from the choice of its model to the last byte. If the client disconnects, or the time is over that it gave, the generation ends. A call that fails before
 * the client has received a byte is answered by the fall-back of its version, once.
 */
export async function answerRequest(
  server: ServingContext,
  reply: FastifyReply,
  options: AnswerRequestOptions,
): Promise<unknown> {
  using client = new ClientConnection(reply, server.trials?.timers);
  let route = await resolveAsked(server, options, options.rolloutKey);
  for (;;) {
    const tried = await tryRoute(server, reply, { ...options, route, client });
    if ('answer' in tried) return tried.answer;
    route = tried.next;
  }
}

interface TryOptions extends AnswerRequestOptions {
  readonly route: GenerationRoute;
  readonly client: ClientConnection;
}

interface Called {
  readonly controller: AbortController;
  readonly call: WatchedCall;
}

/** Answers by one version, and tells what judges it how the call ended. Takes over the route. */
async function tryRoute(
  server: ServingContext,
  reply: FastifyReply,
  options: TryOptions,
): Promise<{ readonly answer: unknown } | { readonly next: GenerationRoute }> {
  const { client } = options;
  using route = options.route;
  const controller = client.begin();
  const abort = (reason: unknown): void => controller.abort(reason);
  using call = new WatchedCall({ engine: server.engine, route, abort, ...server.trials });
  try {
    const answered = await answerBy({ ...server, engine: call.engine }, reply, { ...options, controller, call });
    if ('error' in answered) call.failed(answered.error, client.hasEnded);
    else {
      call.succeeded();
      offerToShadow(server, route, call);
    }
    return { answer: answered.answer };
  } catch (error) {
    call.failed(error, client.hasEnded);
    const next = await route.fallBack?.(false);
    if (next === undefined) throw error;
    return { next };
  }
}

/** Has the candidate of a roll-out compared with the answer, if the roll-out asks for it. */
function offerToShadow(
  { trials }: ServingContext,
  { alias, leases, rollout, call }: GenerationRoute,
  { answered }: WatchedCall,
): void {
  const [stable] = leases;
  const shadow = trials?.shadow;
  if (call?.mirror === undefined || shadow === undefined) return;
  // Another version may have answered, whose answer says nothing of these two.
  if (rollout?.side !== 'stable' && stable?.version.digest !== call.mirror) return;
  if (answered === undefined || stable === undefined || alias === undefined) return shadow.skip();
  shadow.offer({
    alias,
    candidate: call.mirror,
    stable,
    ...answered,
    record: (mirrored) => call.recordMirrored(mirrored),
  });
}

/**
 * WHY the prompts come after the lease: an adapter may be replaced meanwhile, and the template and the weights must be of one version.
 *
 * @returns the error of a stream that had begun
 */
async function answerBy(
  server: ServingContext,
  reply: FastifyReply,
  { route, controller, call, ...options }: TryOptions & Called,
): Promise<{ readonly answer: unknown; readonly error?: unknown }> {
  sayAnsweredBy(reply, route);
  const context = contextFor(server, route);
  const prompts = await options.prompts(context);
  const reading = options.reading?.(context, prompts);
  const form = reading?.constraint ?? options.constraint?.spec;
  const starting = { ...options, prompts, reading, form, place: reply.request.place };
  const choices = await startAll(context, starting, route, controller);
  call.begun();
  const promptTokens = prompts.reduce((sum, { tokens }) => sum + tokens.length, 0);
  const answer = {
    choices,
    promptTokens,
    format: options.format(headOf(options.model, route, promptTokens)),
    headers: reply.getHeaders(),
    abort: (reason: unknown) => controller.abort(reason),
    waitsForToken: route.call?.mayRetry === true,
    timers: server.trials?.timers,
    forReader: (error: unknown) => forReader(error, reply.request),
  };
  if (!options.isStreamed) return { answer: await answerWhole(answer) };
  return { answer: reply, ...(await answerStream(answer, reply)) };
}

function headOf(model: string, route: GenerationRoute, promptTokens: number): AnswerHead {
  return {
    id: randomUUID(),
    created: Math.floor(Date.now() / 1000),
    model,
    version: route.version,
    answeredBy: answeredByField(route),
    promptTokens,
  };
}

/** Starts all choices, or none: if the engine refuses one, those begun before it are ended. */
async function startAll(
  context: ServingContext,
  {
    length,
    form,
    constraint: asked,
    ...options
  }: Omit<AnswerRequestOptions, 'prompts' | 'reading' | 'rolloutKey'> &
    Pick<StartOptions, 'place' | 'prompts' | 'reading'> & { readonly form: ConstraintSpec | undefined },
  { leases, scales = [] }: GenerationRoute,
  controller: AbortController,
): Promise<Choice[]> {
  const { engine, tokenizer, eosTokenIds, maxLength } = context;
  const longest = options.prompts.reduce((most, { tokens }) => Math.max(most, tokens.length), 0);
  const maxTokens = answerLength(length, longest, maxLength);
  const { signal } = controller;
  const constraint = form && (await compileForm(form, { ...context, asked }));
  const adapters = leases.map((lease, at) => ({ lease, scale: scales[at] ?? 1 }));
  const common: StartOptions = { ...options, constraint, engine, tokenizer, adapters, maxTokens, eosTokenIds, signal };
  try {
    return await startChoices(common);
  } catch (error) {
    controller.abort(error);
    throw error;
  }
}
