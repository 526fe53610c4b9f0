import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Operation, RequestTrace, Tracing } from '../../telemetry/index.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** The span of the request. undefined: it has none. */
    trace: RequestTrace | undefined;
  }
}

/** What the routes do that are part of an API for generation. */
const operations: Readonly<Record<string, Operation>> = {
  '/v1/chat/completions': 'chat',
  '/v1/messages': 'chat',
  '/v1/responses': 'chat',
  '/v1/completions': 'text_completion',
  '/v1/embeddings': 'embeddings',
  '/v1/rerank': 'rerank',
};

/**
 * The spans of requests, each under the one that its `traceparent` names.
 *
 * WHY a request has its trace as a property, and does not run within it: what answers need of it is given from hand to hand, and only the
 * routes that change adapters need it wherever they lead.
 */
export class RequestTraces {
  readonly #tracing: Pick<Tracing, 'begin' | 'during'>;
  readonly #traces = new WeakMap<object, RequestTrace>();

  constructor(tracing: Pick<Tracing, 'begin' | 'during'>) {
    this.#tracing = tracing;
  }

  /** The trace of a request. It begins when it is asked for first: that may be for a line of the log, which comes before all hooks. */
  of(request: FastifyRequest): RequestTrace {
    const known = this.#traces.get(request);
    if (known !== undefined) return known;
    const { method, id, headers } = request;
    const route = request.is404 ? undefined : request.routeOptions.url;
    const { traceparent, tracestate } = headers;
    const operation = operations[route ?? ''];
    const trace = this.#tracing.begin({ method, route, requestId: id, traceparent, tracestate, operation });
    this.#traces.set(request, trace);
    this.#traces.set(request.log, trace);
    return trace;
  }

  /** The trace of the request whose log it is. */
  ofLog(log: object): RequestTrace | undefined {
    return this.#traces.get(log);
  }

  /** Has what routes change belong to the trace of their request. Must be called before the routes are added. */
  addTo(app: FastifyInstance): void {
    app.addHook('onRoute', (route) => {
      if (route.config?.access !== 'admin') return;
      const { handler } = route;
      const tracing = this.#tracing;
      route.handler = function changing(request: FastifyRequest, reply: FastifyReply): unknown {
        const change = (): unknown => handler.call(this, request, reply);
        return request.trace === undefined ? change() : tracing.during(request.trace, change);
      };
    });
  }
}
