import type { FastifyInstance } from 'fastify';
import type { DoorContext } from '../service/index.ts';

/**
 * `/health`: 200 while the process can answer; 503 after a file of its base or of a model was overwritten, so that it is restarted. `/ready`: 200 while it
 * takes requests; 503 also while it shuts down.
 */
export function addHealth(app: FastifyInstance, context: DoorContext): void {
  app.get('/health', { config: { access: 'public' } }, async (_request, reply) => {
    const isWell = context.isReady();
    return reply
      .status(isWell ? 200 : 503)
      .send({ status: isWell ? 'ok' : 'a file of the base or of a model has changed' });
  });
  app.get('/ready', { config: { access: 'public' } }, async (_request, reply) => {
    const ready = context.isReady() && !context.isShuttingDown();
    if (!ready) void reply.header('retry-after', '1');
    return reply.status(ready ? 200 : 503).send({ status: ready ? 'ready' : 'not ready' });
  });
}
