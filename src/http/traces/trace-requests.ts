import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Operation, RequestTrace, Tracing } from '../../telemetry/index.ts';
import { routeLabel } from '../door/route-label.ts';

/** What the routes do that are part of an API for generation. */
const operations: Readonly<Record<string, Operation>> = {
  '/v1/chat/completions': 'chat',
  '/v1/messages': 'chat',
  '/v1/responses': 'chat',
  '/v1/completions': 'text_completion',
  '/v1/embeddings': 'embeddings',
};

/** Begins a span with the head of each request, under the one that its `traceparent` names. Must be called before the routes are added. */
export function traceRequests(app: FastifyInstance, tracing: Tracing): void {
  const traces = new WeakMap<FastifyRequest, RequestTrace>();
  app.addHook('onRequest', (request, _reply, done) => {
    const { method, id, headers } = request;
    const route = routeLabel(request);
    const { traceparent } = headers;
    const trace = tracing.begin({ method, route, requestId: id, traceparent, operation: operations[route] });
    traces.set(request, trace);
    tracing.within(trace, done);
  });
  app.addHook('onResponse', async (request, reply) => {
    traces.get(request)?.end(reply.statusCode);
  });
}
