import { describe, expect, it } from 'vitest';
import { createApp } from '../app.ts';
import { fakeContext } from '../testing/fake-context.ts';
import { type LogLevel, requestLog } from './request-log.ts';

const trace = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), operation: undefined, end: () => undefined };

async function logged(level: LogLevel, use: (app: ReturnType<typeof createApp>) => Promise<unknown>) {
  const lines: string[] = [];
  const stream = { write: (line: string) => void lines.push(line) };
  const context = fakeContext();
  const logger = requestLog({ level, stream, tracing: { current: () => trace } });
  const app = createApp(context, { generation: context }, { logger });
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
    const lines = await logged('info', (app) => app.inject('/health'));
    const ofRequest = lines.filter(({ reqId }) => reqId !== undefined);
    expect(ofRequest).toHaveLength(2);
    for (const line of ofRequest) expect(line).toMatchObject({ trace_id: trace.traceId, span_id: trace.spanId });
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
