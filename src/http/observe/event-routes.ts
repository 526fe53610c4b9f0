import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { EspalierError } from '../../core/index.ts';
import { openEventStream } from '../answering/event-stream.ts';
import { parseBody } from '../door/parse-body.ts';
import type { Timers } from '../door/timers.ts';
import { holderOf } from '../keys/key-holder.ts';
import { eventJson, seesEvent } from './event-json.ts';
import type { EventLog, LoggedEvent } from './event-log.ts';

/** WHY: each stream costs a connection, and a page needs one. */
const maxStreams = 64;

/** WHY an end: a key that was taken away must not listen for ever. The client goes on with `Last-Event-ID`. */
const streamMs = 10 * 60_000;

/** Events that may wait for a client that reads slowly. After these the stream ends, and the client asks again. */
const maxWaiting = 1000;

const querySchema = z.strictObject({
  after: z.string().max(32).optional(),
  limit: z.coerce.number().int().min(1).max(1000).default(200),
});

export interface EventRoutesContext {
  readonly log: EventLog;
  readonly timers: Timers;
}

/**
 * `GET /v1/events`: what happened to adapters. As JSON, the latest events or those after one; with `Accept: text/event-stream`, those and
 * every one that comes, each with an id by which a client goes on.
 * @see WHATWG HTML, 9.2 Server-sent events
 */
export function addEvents(app: FastifyInstance, context: EventRoutesContext): EventStreams {
  const streams = new EventStreams(context);
  app.get('/v1/events', { config: { access: 'read', keepsToNames: true } }, async (request, reply) => {
    const { after, limit } = parseBody(querySchema, request.query);
    if (request.headers.accept?.includes('text/event-stream') === true) {
      streams.open(request, reply, after);
      return reply;
    }
    const reader = holderOf(request);
    const { events, isGap } = context.log.since(after);
    const seen = events.filter(({ event }) => seesEvent(reader, event));
    // WHY the last ones without a place, and the first ones after one: who goes on must miss none.
    const page = after === undefined || isGap ? seen.slice(-limit) : seen.slice(0, limit);
    const last = page.length === seen.length ? context.log.lastId : page.at(-1)?.id;
    return { object: 'list', data: page.map((one) => eventJson(one, reader)), last_id: last, gap: isGap };
  });
  return streams;
}

/** The answers that are still written. */
export class EventStreams {
  readonly #context: EventRoutesContext;
  readonly #ends = new Set<() => void>();

  constructor(context: EventRoutesContext) {
    this.#context = context;
  }

  /** @throws EspalierError EVENT_STREAMS_FULL */
  open(request: FastifyRequest, reply: FastifyReply, after: string | undefined): void {
    if (this.#ends.size >= maxStreams) throw new EspalierError('EVENT_STREAMS_FULL', { limit: maxStreams });
    const { log, timers } = this.#context;
    const reader = holderOf(request);
    const lastId = request.headers['last-event-id'] ?? after;
    reply.hijack();
    const headers = reply.getHeaders();
    const stream = openEventStream(reply.raw, headers as Record<string, string>);
    const { events, isGap } = log.since(typeof lastId === 'string' ? lastId : undefined);
    let waiting = 0;
    const send = (logged: LoggedEvent): void => {
      if (!seesEvent(reader, logged.event)) return;
      if (++waiting > maxWaiting + events.length) return end();
      void stream.send({ name: 'adapter', id: logged.id, data: eventJson(logged, reader) }).finally(() => waiting--);
    };
    const listening = log.listen(send);
    const cancel = timers.after(streamMs, () => end());
    const end = (): void => {
      listening[Symbol.dispose]();
      cancel();
      this.#ends.delete(end);
      stream.end();
    };
    this.#ends.add(end);
    reply.raw.once('close', end);
    if (isGap) void stream.send({ name: 'gap', data: {} });
    for (const logged of events) send(logged);
    void stream.send({ name: 'ready', id: log.lastId, data: {} });
  }

  /** Ends every answer, because the server closes. */
  endAll(): void {
    for (const end of this.#ends) end();
  }
}
