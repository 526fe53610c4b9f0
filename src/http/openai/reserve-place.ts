import type { FastifyInstance, onRequestAsyncHookHandler } from 'fastify';
import type { Reservation, ServingContext } from '../../service/index.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** A place in the engine's queue, if the route needs one and the engine has places. It ends with the answer. */
    place: Reservation | undefined;
  }
}

/** Lets routes of an application reserve places. */
export function addPlaces(app: FastifyInstance): void {
  app.decorateRequest('place', undefined);
}

/**
 * Makes a hook that reserves a place in the queue for a request, before its body is read. WHY so early: where the queue is full, to
 * read, parse and tokenize a request only to refuse it takes many times as long as to refuse it.
 *
 * @returns a hook that throws EspalierError QUEUE_FULL, CALLER_QUEUE_FULL
 */
export function reservePlace({ engine }: ServingContext): onRequestAsyncHookHandler {
  return async (request, reply) => {
    const place = engine.reserve?.({ key: request.ip, count: 1 });
    if (place === undefined) return;
    request.place = place;
    reply.raw.once('close', () => place[Symbol.dispose]());
  };
}
