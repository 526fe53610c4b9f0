import type { FastifyInstance } from 'fastify';
import type { ServerMetrics } from '../../telemetry/index.ts';
import { holderOf } from '../keys/key-holder.ts';

/** The label of requests that match no route. WHY one: a path is any text that a client sends. */
const unknownRoute = 'unknown';

/**
 * `GET /metrics`: the server's series in the text format of Prometheus. It needs the API key if one is set, like every route but those
 * for health, because the series name adapters. A key for some names sees the series of those names only.
 */
export function addMetrics(app: FastifyInstance, metrics: Pick<ServerMetrics, 'text' | 'contentType'>): void {
  app.get('/metrics', { config: { access: 'inference', keepsToNames: true } }, async (request, reply) => {
    const text = await metrics.text(holderOf(request).scope);
    return reply.type(metrics.contentType).send(text);
  });
}

/** Counts every answer, those that refuse included. Must be called before the routes are added. */
export function countAnswers(app: FastifyInstance, metrics: Pick<ServerMetrics, 'answered'>): void {
  app.addHook('onResponse', async ({ method, is404, routeOptions }, { statusCode: status, elapsedTime }) => {
    const route = is404 ? unknownRoute : (routeOptions.url ?? unknownRoute);
    metrics.answered({ method, route, status, seconds: elapsedTime / 1000 });
  });
}
