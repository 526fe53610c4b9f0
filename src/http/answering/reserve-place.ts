import type { FastifyInstance, onRequestAsyncHookHandler } from 'fastify';
import type { Reservation, ServingContext } from '../../service/index.ts';
import { sharerOf } from '../keys/key-holder.ts';
import type { Turnstile } from '../door/turnstile.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** A place in the engine's queue, if the route needs one and the engine has places. It ends with the answer. */
    place: Reservation | undefined;
  }
  interface FastifyInstance {
    /** The one way in for requests that are begun. */
    readonly turnstile: Turnstile;
  }
}

/** Lets routes of an application reserve places. */
export function addPlaces(app: FastifyInstance, turnstile: Turnstile): void {
  app.decorateRequest('place', undefined);
  app.decorate('turnstile', turnstile);
}

/**
 * Makes a hook that reserves a place in the queue for a request, before its body is read. WHY so early: where the queue is full, to
 * read, parse and tokenize a request only to refuse it takes many times as long as to refuse it.
 *
 * A request that has a place is begun in its turn (`Turnstile`). A refusal does not wait.
 *
 * @returns a hook that throws EspalierError QUEUE_FULL, CALLER_QUEUE_FULL
 */
export function reservePlace({ engine }: ServingContext): onRequestAsyncHookHandler {
  return async (request, reply) => {
    const place = engine.reserve?.({ key: sharerOf(request), count: 1 });
    if (place !== undefined) {
      request.place = place;
      reply.raw.once('close', () => place[Symbol.dispose]());
    }
    const turn = request.server.turnstile.enter();
    if (turn) await turn;
  };
}
