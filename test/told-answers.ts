import diagnostics from 'node:diagnostics_channel';
import type { ServerResponse } from 'node:http';
import type { FastifyInstance } from 'fastify';
import { afterEach } from 'vitest';

// Compares every answer of every test with what the OpenAPI document says of its route. An answer that the document does not describe
// whole, field by field, becomes an error that tells how they differ. So do the events of streams; what is wrong with one of them fails
// its test at the end, because a stream that has begun cannot become an error.
//
// WHY by the channel of Fastify: each server of each test is looked at, and none has to know of it.

interface Created {
  readonly fastify: FastifyInstance;
}

const servers = diagnostics.channel('fastify.initialization');

// Once in a process, though it runs many files.
if (!servers.hasSubscribers) servers.subscribe((message) => watch((message as Created).fastify));

/** An event that a stream has sent. */
interface SentEvent {
  readonly route: string;
  readonly event: string;
}

/** Those of the test that runs. Shared by all files of a process. */
const sent: SentEvent[] = ((globalThis as { toldEvents?: SentEvent[] }).toldEvents ??= []);

afterEach(async () => {
  if (sent.length === 0) return;
  const { checkEvent } = await import('../src/http/openapi/testing/check-answer.ts');
  for (const { route, event } of sent.splice(0)) checkEvent(route, event);
});

function watch(fastify: FastifyInstance): void {
  // WHY not async: a request must not come to its route later than without this.
  fastify.addHook('onRequest', (request, reply, done) => {
    const route = `${request.method} ${request.routeOptions.url ?? ''}`;
    keepEvents(reply.raw, (event) => sent.push({ route, event }));
    done();
  });
  fastify.addHook('onSend', async (request, reply, payload) => {
    const type = String(reply.getHeader('content-type') ?? '');
    const isText = typeof payload === 'string' || Buffer.isBuffer(payload);
    const isTold = isText && type.startsWith('application/json') && reply.statusCode < 300;
    if (!isTold || request.method === 'HEAD') return payload;
    const { checkAnswer } = await import('../src/http/openapi/testing/check-answer.ts');
    checkAnswer(`${request.method} ${request.routeOptions.url ?? ''}`, payload.toString());
    return payload;
  });
}

function keepEvents(response: ServerResponse, keep: (event: string) => void): void {
  const write = response.write.bind(response) as (...given: unknown[]) => boolean;
  let rest = '';
  response.write = (...given: unknown[]): boolean => {
    if (isEventStream(response)) {
      const events = `${rest}${String(given[0])}`.split('\n\n');
      rest = events.pop() ?? '';
      events.forEach(keep);
    }
    return write(...given);
  };
}

/** WHY not by `getHeader`: what is given to `writeHead` is not there. */
function isEventStream(response: ServerResponse): boolean {
  const { _header: head } = response as { readonly _header?: string | null };
  return /^content-type: text\/event-stream/im.test(head ?? '');
}
