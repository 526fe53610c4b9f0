import diagnostics from 'node:diagnostics_channel';
import type { FastifyInstance } from 'fastify';

// Compares every answer of every test with what the OpenAPI document says of its route. An answer that the document does not describe
// whole, field by field, becomes an error that tells how they differ.
//
// WHY by the channel of Fastify: each server of each test is looked at, and none has to know of it.

interface Created {
  readonly fastify: FastifyInstance;
}

const servers = diagnostics.channel('fastify.initialization');

// Once in a process, though it runs many files.
if (!servers.hasSubscribers) servers.subscribe((message) => watch((message as Created).fastify));

function watch(fastify: FastifyInstance): void {
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
