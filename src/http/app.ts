import { Server as TlsServer } from 'node:tls';
import {
  fastify,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  type FastifyServerOptions,
} from 'fastify';
import { type Clock, EspalierError, systemClock } from '../core/index.ts';
import type {
  BaseContext,
  DoorContext,
  EmbeddingContext,
  InferenceContext,
  RerankContext,
  ServingContext,
} from '../service/index.ts';
import { addNoise } from './adapters/noise-routes.ts';
import { addRollouts } from './adapters/rollout-routes.ts';
import { addAdapters } from './adapters/routes.ts';
import type { Answered } from './adapters/adapter-change.ts';
import { IdempotentAnswers } from './adapters/idempotency.ts';
import { UploadReader } from './adapters/upload-reader.ts';
import { createServedNames } from './keys/served-names.ts';
import { BodyReader } from './door/body-reader.ts';
import { ClientErrors } from './door/client-error.ts';
import { addDrain } from './door/drain.ts';
import { addOtherMethods } from './door/other-methods.ts';
import { systemTimers, type Timers } from './door/timers.ts';
import { requestIdOf } from './door/request-id.ts';
import { Turnstile } from './door/turnstile.ts';
import { endUnreadBodies } from './door/unread-bodies.ts';
import { answerError, maxParamLength } from './door/error-answer.ts';
import { addJsonParser } from './door/read-json.ts';
import { addGuard, createGuard, type Guard, type GuardOptions } from './door/guard.ts';
import { addChatCompletions } from './openai/chat-completions.ts';
import { addCompletions } from './openai/completions.ts';
import { addEmbeddings } from './openai/embeddings.ts';
import { addRerank } from './openai/rerank.ts';
import { addMessages } from './messages/routes.ts';
import type { ServerMetrics } from '../telemetry/index.ts';
import type { JobControl } from '../jobs/index.ts';
import { addFiles, storedFileName } from './fine-tuning/file-routes.ts';
import { addJobs } from './fine-tuning/job-routes.ts';
import type { Fleet } from '../fleet/index.ts';
import { addFleet } from './fleet/routes.ts';
import { addDashboard } from './dashboard/routes.ts';
import { addAudit } from './observe/audit-route.ts';
import type { EventLog } from './observe/event-log.ts';
import { addEvents, type EventStreams } from './observe/event-routes.ts';
import type { RolloutTrail } from './observe/rollout-trail.ts';
import { addStats } from './observe/stats-route.ts';
import { addTrail } from './observe/trail-route.ts';
import { watchAnswer } from './observe/watch-answer.ts';
import { addHealth } from './health.ts';
import { addMetrics } from './metrics/routes.ts';
import type { RequestTraces } from './traces/trace-requests.ts';
import { addLoraAdapters } from './vllm/lora-adapters.ts';
import { addTokenize } from './vllm/tokenize.ts';
import { addModels } from './openai/models.ts';
import { addPlaces } from './answering/reserve-place.ts';
import { addOpenApi } from './openapi/routes.ts';
import { addOpenInference } from './open-inference/routes.ts';
import { addResponses } from './responses/routes.ts';
import type { TlsCertificate } from './tls/tls-certificate.ts';
import { type GivenLimits, ResponseStore } from './responses/store/response-store.ts';

/** A prompt of a million characters, in the widest JSON escapes. */
const maxBodyBytes = 8 * 2 ** 20;

/** An adapter of rank 256 on all layers of a base with 70 billion parameters has 13 GB in single precision. */
const defaultUploadBytes = 16 * 2 ** 30;

/** As OpenAI takes for fine-tuning. */
const maxFileBytes = 512 * 2 ** 20;

/** The head of a request fits into one packet. A client that needs longer sends it slowly on purpose. */
const headersMs = 15_000;

/** The services that are offered. Each has its own routes. */
export interface Services {
  /** A decoder's text, through OpenAI's API. */
  readonly generation?: ServingContext | undefined;
  /** Any models, through the Open Inference Protocol. */
  readonly inference?: InferenceContext | undefined;
  /** An encoder and its adapters, as `/v1/models` and vLLM's routes know them. */
  readonly encoder?: BaseContext | undefined;
  /** An encoder's vectors, through OpenAI's API. */
  readonly embeddings?: EmbeddingContext | undefined;
  /** The scores of an encoder with one number as its result. */
  readonly rerank?: RerankContext | undefined;
  /** What is declared in Git, for the adapters of the decoder. */
  readonly fleet?: Fleet | undefined;
  /** Fine-tuning jobs on the decoder, and their files. */
  readonly jobs?: JobControl | undefined;
}

/** Options for access to the routes. */
export interface AppOptions extends Omit<GuardOptions, 'apiKey' | 'isShuttingDown'> {
  readonly logger?: FastifyServerOptions['logger'];
  /** How long running answers may take to finish when the application closes. */
  readonly drainTimeoutMs?: number | undefined;
  /** Most bytes of an upload. Default: 16 GiB. */
  readonly maxUploadBytes?: number | undefined;
  /** Most request bodies that may arrive at once. */
  readonly maxBodies?: number;
  readonly timers?: Timers;
  /** The series of `/metrics`. undefined: there is no such route. */
  readonly metrics?: ServerMetrics | undefined;
  /** The events that `/v1/events` tells. undefined: there is no such route. */
  readonly events?: EventLog | undefined;
  /** How the evidence of roll-outs came about. undefined: nobody can ask for it. */
  readonly trail?: RolloutTrail | undefined;
  /** The spans of requests. undefined: they have none. */
  readonly traces?: RequestTraces | undefined;
  /** How much is kept of what `/v1/responses` answers. */
  readonly responses?: GivenLimits | undefined;
  /** The clock by which responses, and answers to repeated requests, are kept. Default: the system's. */
  readonly clock?: Clock;
  /** The certificate with which it speaks HTTPS. Absent: it speaks HTTP. */
  readonly tls?: TlsCertificate | undefined;
  /** Settings of Node's server, for tests. */
  readonly http?: { readonly headersTimeout: number; readonly connectionsCheckingInterval: number };
}

/** Creates the application with the routes of the services, without a socket. Tests inject requests; `server.ts` listens. */
export function createApp(door: DoorContext, services: Services, options: AppOptions = {}): FastifyInstance {
  const { timers = systemTimers, drainTimeoutMs = 30_000, maxBodies } = options;
  const uploads = new UploadReader({ timers, maxBytes: options.maxUploadBytes ?? defaultUploadBytes });
  const fileUploads = new UploadReader({ timers, maxBytes: maxFileBytes, storedName: storedFileName });
  const bodies = new BodyReader({ timers, ...(maxBodies === undefined ? {} : { maxBodies }) });
  let isClosing = false;
  const isShuttingDown = (): boolean => isClosing || door.isShuttingDown();
  const isLeaving = (): boolean => door.isLeaving?.() === true;
  const guard = createGuard({ ...options, apiKey: door.apiKey, isShuttingDown, isLeaving });
  const clientErrors = new ClientErrors();
  const http = {
    headersTimeout: headersMs,
    connectionsCheckingInterval: headersMs / 10,
    // WHY: Node's own refusal has no body. The guard refuses instead.
    requireHostHeader: false,
    ...options.http,
  };
  const { cert, key } = options.tls?.current ?? {};
  const app: FastifyInstance = fastify({
    bodyLimit: maxBodyBytes,
    genReqId: requestIdOf,
    logger: options.logger ?? false,
    ...(options.tls === undefined ? { http } : { https: { ...http, cert, key } }),
    clientErrorHandler: (error, socket) => clientErrors.answer(error, socket),
    routerOptions: { maxParamLength },
    // WHY: the guard refuses these requests in the form of the API.
    return503OnClosing: false,
    // WHY: no route has a schema. Fastify would load its compilers of schemas here, which takes 35 ms.
    schemaController: { compilersFactory: { buildValidator: noSchemas, buildSerializer: noSchemas } },
    // WHY no limit: the drain is a hook, and Fastify would give it up after 10 s and end the answers under way.
    pluginTimeout: 0,
    frameworkErrors(error, request, reply) {
      // WHY: no hook sees a request whose URL cannot be read.
      watchAnswer(request, reply, options);
      return answerUnreadable(guard, { error, request, reply });
    },
  });
  if (app.server instanceof TlsServer) options.tls?.serve(app.server);
  clientErrors.watch(app.server);
  app.addHook('preClose', async () => {
    isClosing = true;
  });
  const endAll = (reason: EspalierError): void => {
    bodies.endAll(reason);
    uploads.endAll(reason);
    fileUploads.endAll(reason);
  };
  let streams: EventStreams | undefined;
  // WHY before the drain: it waits for answers, and these have no end of their own.
  app.addHook('preClose', async () => streams?.endAll());
  addDrain(app, { timers, timeoutMs: drainTimeoutMs, bodies: { endAll } });
  app.decorateRequest('trace');
  app.addHook('onRequest', (request, reply, done) => {
    watchAnswer(request, reply, options);
    done();
  });
  options.traces?.addTo(app);
  addGuard(app, guard);
  app.decorate('servedNames', createServedNames(services));
  app.decorate('servedBase', (services.generation ?? services.encoder ?? services.embeddings)?.baseName ?? '');
  endUnreadBodies(app, timers);
  addJsonParser(app, bodies);
  addPlaces(app, new Turnstile());
  app.setErrorHandler(answerError);
  addHealth(app, door);
  addDashboard(app);
  if (options.metrics) for (const add of [addMetrics, addStats]) add(app, options.metrics);
  if (options.events) streams = addEvents(app, { log: options.events, timers });
  addServices(app, services, { options, door, uploads, fileUploads, bodies });
  // WHY registered: routes of others are known only when they have been.
  void app.register(async (scope) => addOtherMethods(scope));
  return app;
}

function noSchemas(): never {
  throw new TypeError('routes parse their bodies themselves, and have no schemas of Fastify');
}

interface ServiceRoutes {
  readonly options: AppOptions;
  readonly door: DoorContext;
  readonly uploads: UploadReader;
  /** Of rows for fine-tuning. */
  readonly fileUploads: UploadReader;
  readonly bodies: BodyReader;
}

/** Adds the routes of each service that is offered. */
function addServices(
  app: FastifyInstance,
  services: Services,
  { options, door, uploads, fileUploads, bodies }: ServiceRoutes,
): void {
  const { generation, inference, embeddings, jobs } = services;
  const base = generation ?? services.encoder;
  if (base) for (const add of [addModels, addLoraAdapters]) add(app, base);
  if (base?.control) {
    const { control, baseName } = base;
    const answers = new IdempotentAnswers<Answered>({ clock: options.clock ?? systemClock });
    const rollouts = generation?.rollouts;
    addAdapters(app, { control, baseName, answers, uploads, rollouts });
    if (rollouts) for (const add of [addRollouts, addNoise]) add(app, { control, baseName, answers, rollouts });
    if (rollouts && options.trail) addTrail(app, { control, baseName, answers, rollouts, trail: options.trail });
    if (generation?.audit) addAudit(app, generation.audit);
  }
  if (generation) {
    for (const add of [addCompletions, addChatCompletions, addMessages, addTokenize]) add(app, generation);
    addResponses(app, generation, new ResponseStore(options.responses, options.clock));
  }
  if (generation && jobs) {
    addFiles(app, { jobs, fileUploads });
    const answers = new IdempotentAnswers<object>({ clock: options.clock ?? systemClock });
    addJobs(app, { jobs, base: generation, answers });
  }
  if (services.fleet) addFleet(app, services.fleet);
  if (embeddings) addEmbeddings(app, embeddings);
  if (services.rerank) addRerank(app, services.rerank);
  if (inference) addOpenInference(app, inference, { bodies, door });
  addOpenApi(app, inference?.version ?? 'unknown');
}

interface Unreadable {
  readonly error: Error;
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
}

/** Answers a request whose URL the router cannot read. It is guarded like a request for an unknown route. */
function answerUnreadable(guard: Guard, { error, request, reply }: Unreadable): void {
  let refusal: unknown = error;
  try {
    guard(request, reply);
  } catch (refused) {
    if (!EspalierError.isInstance(refused) || refused.code !== 'ROUTE_NOT_FOUND') refusal = refused;
  }
  answerError(refusal, request, reply);
}
