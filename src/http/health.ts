import type { FastifyInstance } from 'fastify';
import type { DoorContext } from '../service/index.ts';

/** `/health`: the process lives. `/ready`: it takes requests; 503 before the base is loaded and while it shuts down. */
export function addHealth(app: FastifyInstance, context: DoorContext): void {
  app.get('/health', { config: { access: 'public' } }, () => ({ status: 'ok' }));
  app.get('/ready', { config: { access: 'public' } }, async (_request, reply) => {
    const ready = context.isReady() && !context.isShuttingDown();
    return reply.status(ready ? 200 : 503).send({ status: ready ? 'ready' : 'not ready' });
  });
}
