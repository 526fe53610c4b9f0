import { randomUUID, timingSafeEqual, createHash } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { fastify, type FastifyInstance, type FastifyServerOptions } from 'fastify';
import { EspalierError } from '../core/index.ts';
import { openAiErrorOf } from './openai-error.ts';
import { addChatCompletions } from './routes/chat-completions.ts';
import { addCompletions } from './routes/completions.ts';
import { addHealth } from './routes/health.ts';
import { addLoraAdapters } from './routes/lora-adapters.ts';
import { addModels } from './routes/models.ts';
import type { ServingContext } from './serving-context.ts';

/** A prompt of a million characters, in the widest JSON escapes. */
const maxBodyBytes = 8 * 2 ** 20;

/** The routes over an engine, without a socket: tests inject requests, `server.ts` listens. */
export function createApp(
  context: ServingContext,
  options: { logger?: FastifyServerOptions['logger'] } = {},
): FastifyInstance {
  const app = fastify({
    bodyLimit: maxBodyBytes,
    genReqId: () => randomUUID(),
    logger: options.logger ?? false,
  });
  app.addHook('onRequest', async (request, reply) => {
    reply.header('x-request-id', request.id);
    if (request.url.startsWith('/v1/')) checkKey(request.headers.authorization, context.apiKey);
  });
  app.setErrorHandler((error, request, reply) => {
    if (!EspalierError.isInstance(error)) request.log.error(error);
    const { status, headers, body } = openAiErrorOf(error);
    return reply.status(status).headers(headers).send(body);
  });
  app.setNotFoundHandler((request) => {
    throw new EspalierError('ROUTE_NOT_FOUND', { method: request.method, path: request.url });
  });
  finishAnswersBeforeClosing(app);
  for (const add of [addHealth, addModels, addCompletions, addChatCompletions, addLoraAdapters]) add(app, context);
  return app;
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
