import { randomUUID } from 'node:crypto';
import type { FastifyReply } from 'fastify';
import { forReader, logFailure } from '../door/error-answer.ts';
import { answeredByField, sayAnsweredBy } from '../answered-by.ts';
import { answerStream, answerWhole } from './answer.ts';
import type { AnswerFormat, AnswerHead } from './answer-format.ts';
import { type AnswerPlan, type AskedModel, resolveAsked, startAnswer } from '../../answering/index.ts';
import { holderOf } from '../keys/key-holder.ts';
import { TokenMeter } from './token-meter.ts';
import { ClientConnection } from './client-connection.ts';
import { WatchedCall } from './watched-call.ts';
import type { GenerationRoute, ServingContext } from '../../service/index.ts';

export interface AnswerRequestOptions extends AskedModel, AnswerPlan {
  readonly isStreamed: boolean;
  /** Makes what writes the answer, when all choices have begun. */
  readonly format: (head: AnswerHead) => AnswerFormat;
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
  if (reply.request.trace) reply.request.trace.isStreamed = options.isStreamed;
  using client = new ClientConnection(reply, server.trials?.timers);
  const { quota } = holderOf(reply.request);
  using meter = quota && new TokenMeter(quota);
  const metered = meter ? { ...server, engine: meter.watch(server.engine) } : server;
  let route = await resolveAsked(server, options, options.rolloutKey);
  for (;;) {
    const tried = await tryRoute(metered, reply, { ...options, route, client });
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
    if ('error' in answered) {
      logFailure(answered.error, reply.request);
      call.failed(answered.error, client.hasEnded);
    } else {
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

/** @returns the error of a stream that had begun */
async function answerBy(
  server: ServingContext,
  reply: FastifyReply,
  { route, controller, call, ...options }: TryOptions & Called,
): Promise<{ readonly answer: unknown; readonly error?: unknown }> {
  sayAnsweredBy(reply, route);
  const started = await startAnswer(server, route, options, { controller, place: reply.request.place });
  call.begun();
  const answer = {
    ...started,
    format: options.format(headOf(options.model, route, started.promptTokens)),
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
