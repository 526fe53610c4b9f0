import { randomUUID } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import {
  fastify,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  type FastifyServerOptions,
} from 'fastify';
import { EspalierError } from '../core/index.ts';
import type { BaseContext, DoorContext, EmbeddingContext, InferenceContext, ServingContext } from '../service/index.ts';
import { answerError, maxParamLength } from './door/error-answer.ts';
import { addJsonParser } from './door/read-json.ts';
import { addGuard, createGuard, type Guard, type GuardOptions } from './door/guard.ts';
import { addChatCompletions } from './openai/chat-completions.ts';
import { addCompletions } from './openai/completions.ts';
import { addEmbeddings } from './openai/embeddings.ts';
import { addHealth } from './health.ts';
import { addLoraAdapters } from './vllm/lora-adapters.ts';
import { addModels } from './openai/models.ts';
import { addOpenInference } from './open-inference/routes.ts';

/** A prompt of a million characters, in the widest JSON escapes. */
const maxBodyBytes = 8 * 2 ** 20;

/** What is served, each by its own routes. */
export interface Services {
  /** A decoder's text, through OpenAI's API. */
  readonly generation?: ServingContext | undefined;
  /** Any models, through the Open Inference Protocol. */
  readonly inference?: InferenceContext | undefined;
  /** An encoder and its adapters, as `/v1/models` and vLLM's routes know them. */
  readonly encoder?: BaseContext | undefined;
  /** An encoder's vectors, through OpenAI's API. */
  readonly embeddings?: EmbeddingContext | undefined;
}

/** Who may use the routes, and how. */
export interface AppOptions extends Omit<GuardOptions, 'apiKey' | 'isShuttingDown'> {
  readonly logger?: FastifyServerOptions['logger'];
}

/** The routes over what is served, without a socket: tests inject requests, `server.ts` listens. */
export function createApp(door: DoorContext, services: Services, options: AppOptions = {}): FastifyInstance {
  const guard = createGuard({ ...options, apiKey: door.apiKey, isShuttingDown: () => door.isShuttingDown() });
  const app = fastify({
    bodyLimit: maxBodyBytes,
    genReqId: () => randomUUID(),
    logger: options.logger ?? false,
    routerOptions: { maxParamLength },
    // WHY: the guard refuses in the form of the API.
    return503OnClosing: false,
    frameworkErrors: (error, request, reply) => answerUnreadable(guard, { error, request, reply }),
  });
  addGuard(app, guard);
  addJsonParser(app);
  app.setErrorHandler(answerError);
  finishAnswersBeforeClosing(app);
  addHealth(app, door);
  const { generation, inference, embeddings } = services;
  const base = generation ?? services.encoder;
  if (base) for (const add of [addModels, addLoraAdapters]) add(app, base);
  if (generation) for (const add of [addCompletions, addChatCompletions]) add(app, generation);
  if (embeddings) addEmbeddings(app, embeddings);
  if (inference) addOpenInference(app, inference, door);
  return app;
}

interface Unreadable {
  readonly error: Error;
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
}

/** Answers a request whose URL the router cannot read: it is guarded as one for an unknown route. */
function answerUnreadable(guard: Guard, { error, request, reply }: Unreadable): void {
  let refusal: unknown = error;
  try {
    guard(request, reply);
  } catch (refused) {
    if (!EspalierError.isInstance(refused) || refused.code !== 'ROUTE_NOT_FOUND') refusal = refused;
  }
  answerError(refusal, request, reply);
}

/**
 * Closing waits for the answers under way, streams included, then ends every connection.
 * WHY not leave it to the server: it waits for connections on which nothing was ever asked, which clients open ahead.
 */
function finishAnswersBeforeClosing(app: FastifyInstance): void {
  const underWay = new Set<ServerResponse>();
  let finished: (() => void) | undefined;
  app.addHook('onRequest', async (_request, reply) => {
    underWay.add(reply.raw);
    reply.raw.once('close', () => {
      underWay.delete(reply.raw);
      if (underWay.size === 0) finished?.();
    });
  });
  app.addHook('preClose', async () => {
    if (underWay.size > 0) await new Promise<void>((resolve) => (finished = resolve));
    app.server.closeAllConnections();
    app.server.on('connection', (socket) => socket.destroy());
  });
}
