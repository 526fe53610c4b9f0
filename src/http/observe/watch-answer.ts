import type { FastifyReply, FastifyRequest } from 'fastify';
import type { ServerMetrics } from '../../telemetry/index.ts';
import { onAnswerEnd } from '../door/answer-end.ts';
import { routeLabel } from '../door/route-label.ts';
import type { RequestTraces } from '../traces/trace-requests.ts';

/** The status under which answers are counted whose caller left before they were whole. WHY this one: proxies log it for that (nginx). */
export const callerLeftStatus = 499;

export interface AnswerWatchers {
  readonly metrics?: Pick<ServerMetrics, 'answered'> | undefined;
  readonly traces?: Pick<RequestTraces, 'of'> | undefined;
}

/**
 * Begins the span of a request, and has its answer counted and logged when it ends: each answer once, those that refuse and those whose
 * caller left included. Must be called when its head has come.
 */
export function watchAnswer(request: FastifyRequest, reply: FastifyReply, { metrics, traces }: AnswerWatchers): void {
  const began = performance.now();
  const trace = traces?.of(request);
  request.trace = trace;
  onAnswerEnd(reply.raw, (end) => {
    const responseTime = performance.now() - began;
    trace?.end(end);
    const { isWhole, status = callerLeftStatus } = end;
    const counted = isWhole ? status : callerLeftStatus;
    const { method } = request;
    metrics?.answered({ method, route: routeLabel(request), status: counted, seconds: responseTime / 1000 });
    // WHY here: Fastify logs answers that are whole.
    if (!isWhole) request.log.info({ res: { statusCode: callerLeftStatus }, responseTime }, 'caller left');
  });
}
