import { describe, expect, it } from 'vitest';
import type { RequestTrace } from '../../telemetry/index.ts';
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

async function logged(level: LogLevel, use: (app: ReturnType<typeof createApp>) => Promise<unknown>) {
  const lines: string[] = [];
  const stream = { write: (line: string) => void lines.push(line) };
  const context = fakeContext();
  const traces = countedTraces();
  const logger = requestLog({ level, stream, traces });
  const app = createApp(context, { generation: context }, { logger, traces });
  await use(app);
  await app.close();
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
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

  it('tells less of a higher level', async () => {
    expect(await logged('error', (app) => app.inject('/health'))).toEqual([]);
  });
});
