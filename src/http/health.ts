import type { FastifyInstance, FastifyReply } from 'fastify';
import type { DoorContext } from '../service/index.ts';
import { isReady, readinessOf } from './readiness.ts';

/**
 * `/health`: 200 while the process can answer; 503 after a file of its base or of a model was overwritten, so that it is restarted. `/ready`: 200 while it
 * should get requests; 503 also while it shuts down, and before it has the adapters that it must have. `/health/ready` says besides why it should not.
 */
export function addHealth(app: FastifyInstance, context: DoorContext): void {
  app.get('/health', { config: { access: 'public' } }, async (_request, reply) => {
    const isWell = context.isReady();
    return reply
      .status(isWell ? 200 : 503)
      .send({ status: isWell ? 'ok' : 'a file of the base or of a model has changed' });
  });
  const answer = (reply: FastifyReply): FastifyReply => {
    const ready = isReady(context);
    if (!ready) void reply.header('retry-after', '1');
    return reply.status(ready ? 200 : 503);
  };
  const status = (): string => (isReady(context) ? 'ready' : 'not ready');
  app.get('/ready', { config: { access: 'public' } }, async (_request, reply) =>
    answer(reply).send({ status: status() }),
  );
  app.get('/health/ready', { config: { access: 'public' } }, async (_request, reply) => {
    const { isDamaged, isEnding, missing } = readinessOf(context);
    return answer(reply).send({ status: status(), ending: isEnding, damaged: isDamaged, missing_adapters: missing });
  });
}
