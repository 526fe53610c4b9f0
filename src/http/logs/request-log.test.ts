import { describe, expect, it, vi } from 'vitest';
import { openTracing, type RequestTrace } from '../../telemetry/index.ts';
import { receiveTraces } from '../../telemetry/testing/trace-receiver.ts';
import { createApp } from '../app.ts';
import { fakeContext } from '../testing/fake-context.ts';
import { RequestTraces } from '../traces/trace-requests.ts';
import { type LogLevel, requestLog } from './request-log.ts';

/** Traces whose ids count the requests. */
function countedTraces(): RequestTraces {
  let count = 0;
  const begin = (): RequestTrace => {
    const spanId = String(++count);
    return { traceId: 'trace', spanId, traceFlags: 1, operation: undefined, isStreamed: false, end: () => undefined };
  };
  return new RequestTraces({ begin, during: (_trace, work) => work() });
}

type Use = (app: ReturnType<typeof createApp>) => Promise<unknown>;

async function logged(level: LogLevel, use: Use, traces = countedTraces()) {
  const lines: string[] = [];
  const stream = { write: (line: string) => void lines.push(line) };
  const context = fakeContext();
  const logger = requestLog({ level, stream, traces });
  const app = createApp(context, { generation: context }, { logger, traces });
  await use(app);
  await app.close();
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
}

/** Eight streams that run at the same time. */
async function askAtOnce(app: Parameters<Use>[0]): Promise<void> {
  const payload = { model: 'base', prompt: 'a', stream: true };
  await Promise.all(Array.from({ length: 8 }, () => app.inject({ method: 'POST', url: '/v1/completions', payload })));
}

const secrets = {
  method: 'POST',
  url: '/v1/completions?key=secret-query',
  headers: { authorization: 'Bearer secret-key', 'x-api-key': 'secret-other', 'content-type': 'application/json' },
  payload: '{"model":"secret-model","prompt":"secret-prompt","temperature":"secret-value"}',
} as const;

describe('the log of requests', () => {
  it('has a line for each request and its answer, with the ids of its trace', async () => {
    const lines = await logged('info', async (app) => {
      for (const url of ['/health', '/none']) await app.inject(url);
    });
    const ofRequest = lines.filter(({ reqId }) => reqId !== undefined);
    expect(ofRequest.map((line) => [line['trace_id'], line['span_id']])).toEqual([
      ['trace', '1'],
      ['trace', '1'],
      ['trace', '2'],
      ['trace', '2'],
    ]);
    expect(ofRequest[0]?.['req']).toEqual({ method: 'GET', route: '/health' });
    expect(ofRequest[1]?.['res']).toEqual({ statusCode: 200 });
  });

  it('holds nothing that a client sent', async () => {
    const lines = await logged('debug', async (app) => {
      app.get('/boom', { config: { access: 'public' } }, async (request) => {
        request.log.info({ headers: request.headers, authorization: 'secret-logged' }, 'a plugin');
        throw new Error('secret-message');
      });
      await app.inject(secrets);
      await app.inject({ url: '/boom', headers: secrets.headers });
    });
    expect(lines.length).toBeGreaterThan(4);
    expect(JSON.stringify(lines)).not.toContain('secret');
  });

  it('has for each of many requests at once the ids of its own span', async () => {
    await using receiver = await receiveTraces();
    vi.stubEnv('OTEL_EXPORTER_OTLP_ENDPOINT', receiver.endpoint);
    const tracing = await openTracing('1.0.0');
    vi.unstubAllEnvs();
    if (tracing === undefined) throw new Error('traces are off');
    const lines = await logged('info', askAtOnce, new RequestTraces(tracing));
    await tracing[Symbol.asyncDispose]();
    const spans = receiver.spans.filter(({ name }) => name === 'POST /v1/completions');
    expect(new Set(spans.map(({ traceId }) => traceId)).size).toBe(8);
    const told = lines.filter(({ reqId }) => reqId !== undefined);
    for (const { attributes, traceId, spanId } of spans) {
      const own = told.filter(({ reqId }) => reqId === attributes['espalier.request.id']);
      const ids = { trace_id: traceId, span_id: spanId, trace_flags: '01' };
      expect(own).toMatchObject([ids, ids]);
    }
    // Every second request began before the first had ended, or it says nothing.
    expect(told.slice(0, 2).map(({ msg }) => msg)).toEqual(['incoming request', 'incoming request']);
  });

  it('tells less of a higher level', async () => {
    expect(await logged('error', (app) => app.inject('/health'))).toEqual([]);
  });
});
