import type { FastifyInstance } from 'fastify';
import type { ServerMetrics } from '../../telemetry/index.ts';
import { holderOf } from '../keys/key-holder.ts';

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
