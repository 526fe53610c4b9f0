import { randomUUID, timingSafeEqual, createHash } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { fastify, type FastifyInstance, type FastifyServerOptions } from 'fastify';
import { EspalierError } from '../core/index.ts';
import type { BaseContext, DoorContext, EmbeddingContext, InferenceContext, ServingContext } from '../service/index.ts';
import { openAiErrorOf } from './openai/openai-error.ts';
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
  readonly logger?: FastifyServerOptions['logger'];
}

/** The routes over what is served, without a socket: tests inject requests, `server.ts` listens. */
export function createApp(door: DoorContext, services: Services): FastifyInstance {
  const app = fastify({
    bodyLimit: maxBodyBytes,
    genReqId: () => randomUUID(),
    logger: services.logger ?? false,
  });
  app.addHook('onRequest', async (request, reply) => {
    reply.header('x-request-id', request.id);
    if (needsKey(request.url)) checkKey(request.headers.authorization, door.apiKey);
  });
  app.setErrorHandler((error, request, reply) => {
    if (!EspalierError.isInstance(error)) request.log.error(error);
    const { status, headers, body } = openAiErrorOf(error);
    const isOpenInference = request.url.startsWith('/v2');
    return reply
      .status(status)
      .headers(headers)
      .send(isOpenInference ? { error: body.error.message } : body);
  });
  app.setNotFoundHandler((request) => {
    throw new EspalierError('ROUTE_NOT_FOUND', { method: request.method, path: request.url });
  });
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

/** Everything but health, which balancers ask for without a key. */
function needsKey(url: string): boolean {
  return url.startsWith('/v1/') || (/^\/v2(\/|\?|$)/.test(url) && !url.startsWith('/v2/health/'));
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

function checkKey(header: string | undefined, key: string | undefined): void {
  if (key === undefined) return;
  if (header === undefined) throw new EspalierError('API_KEY_INVALID', { problem: 'missing' });
  const given = header.replace(/^bearer\s+/i, '');
  // WHY hashes: they have one length, so that the time of the comparison tells nothing.
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  if (!timingSafeEqual(digest(given), digest(key))) throw new EspalierError('API_KEY_INVALID', { problem: 'wrong' });
}
