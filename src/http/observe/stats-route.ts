import type { FastifyInstance } from 'fastify';
import type { AdapterFigures, ServerFigures, ServerMetrics } from '../../telemetry/index.ts';
import { holderOf } from '../keys/key-holder.ts';

/** `GET /v1/stats`: what the server does now, as JSON: the figures of `/metrics` that a page shows. A key for some names gets theirs. */
export function addStats(app: FastifyInstance, metrics: Pick<ServerMetrics, 'figures'>): void {
  app.get('/v1/stats', { config: { access: 'read', keepsToNames: true } }, (request) => {
    return statsJson(metrics.figures(holderOf(request).scope), Date.now());
  });
}

function statsJson({ baseName, isReady, engine, memory, recent, adapters }: ServerFigures, now: number): object {
  return {
    object: 'stats',
    time: new Date(now).toISOString(),
    base: baseName === '' ? null : baseName,
    ready: isReady,
    engine:
      engine === undefined
        ? null
        : {
            slots: engine.slots,
            running: engine.running,
            waiting: engine.waiting,
            cache_usage: engine.cacheUsage,
            requests: engine.requests,
            tokens: engine.tokens,
          },
    memory: memory ?? null,
    recent: {
      answers: recent.answers,
      queue_ms: recent.queueMs ?? null,
      first_token_ms: recent.firstTokenMs ?? null,
      answer_ms: recent.answerMs ?? null,
    },
    adapters: adapters.map(adapterStats),
  };
}

const none = { finished: 0, cancelled: 0, failed: 0 };

function adapterStats({ name, tier, breaker, requests = none, tokens }: AdapterFigures): object {
  const { finished, cancelled, failed } = requests;
  return { name, tier, breaker: breaker ?? null, finished, cancelled, failed, generated: tokens?.generated ?? 0 };
}
