import { connect, type AddressInfo, type Socket } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import type { FastifyInstance } from 'fastify';
import { afterEach, describe, expect, it } from 'vitest';
import type { AnswerEnd, RequestTrace, ServerMetrics, TracedRequest } from '../../telemetry/index.ts';
import { createApp } from '../app.ts';
import { requestLog } from '../logs/request-log.ts';
import { fakeContext } from '../testing/fake-context.ts';
import { exchangeBytes } from '../testing/raw-request.ts';
import { RequestTraces } from '../traces/trace-requests.ts';

let app: FastifyInstance;
afterEach(() => app.close());

interface Options {
  readonly text?: string;
  readonly failAfter?: number;
}

/** A server on a socket, and all that its operator is told of its requests. */
async function serve(options: Options = {}) {
  const context = fakeContext({ text: 'endless', ...options });
  const counted: string[] = [];
  const traced: (AnswerEnd & { readonly spanId: string; readonly route: string | undefined })[] = [];
  const lines: Record<string, unknown>[] = [];
  let count = 0;
  const begin = ({ route }: TracedRequest): RequestTrace => {
    const spanId = String(++count);
    const ids = { traceId: 'trace', spanId, traceFlags: 1, operation: undefined, isStreamed: false };
    return { ...ids, end: (end) => void traced.push({ ...end, spanId, route }) };
  };
  const metrics: Pick<ServerMetrics, 'answered'> = {
    answered: ({ method, route, status }) => void counted.push(`${method} ${route} ${status}`),
  };
  const traces = new RequestTraces({ begin, during: (_trace, work) => work() });
  const stream = { write: (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>) };
  const logger = requestLog({ level: 'info', stream, traces });
  // WHY so: of the series only the count of answers is looked at.
  app = createApp(context, { generation: context }, { logger, traces, metrics: metrics as ServerMetrics });
  await app.listen({ host: '127.0.0.1', port: 0 });
  const until = async (isSo: () => boolean): Promise<void> => {
    // WHY an end: a loop that goes on after its test would keep the process.
    const end = performance.now() + 20_000;
    while (!isSo() && performance.now() < end) await setImmediate();
  };
  return { context, counted, traced, lines, until };
}

function send(text: string): Socket {
  const socket = connect((app.server.address() as AddressInfo).port, '127.0.0.1', () => socket.write(text));
  socket.on('error', () => undefined).on('data', () => undefined);
  return socket;
}

/** @param more  bytes that are announced and not sent */
function asking(body: object, more = 0): string {
  const text = JSON.stringify({ model: 'base', prompt: 'a', ...body });
  const head = `POST /v1/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n`;
  return `${head}content-length: ${text.length + more}\r\n\r\n${text}`;
}

describe('a caller that leaves', () => {
  const count = 'POST /v1/completions 499';

  it('in mid-stream is counted once, and its trace and its log say so', async () => {
    const { context, counted, traced, lines, until } = await serve();
    const socket = send(asking({ stream: true }));
    await new Promise((resolve) => socket.once('data', resolve));
    socket.destroy();
    await until(() => counted.length > 0 && context.requests[0]?.signal?.aborted === true);
    await setImmediate();
    expect(counted).toEqual([count]);
    expect(traced).toEqual([{ spanId: '1', route: '/v1/completions', status: 200, isWhole: false }]);
    const of = lines.filter((line) => line['reqId'] !== undefined);
    expect(of.map(({ msg, level, span_id }) => [msg, level, span_id])).toEqual([
      ['incoming request', 30, '1'],
      ['caller left', 30, '1'],
    ]);
  });

  it('before the first byte is counted once, and is logged as no failure', async () => {
    const { context, counted, traced, lines, until } = await serve();
    const socket = send(asking({}));
    await until(() => context.taken > 3);
    socket.destroy();
    await until(() => counted.length > 0 && context.requests[0]?.signal?.aborted === true);
    for (let turn = 0; turn < 10; turn++) await setImmediate();
    expect(counted).toEqual([count]);
    expect(traced).toEqual([{ spanId: '1', route: '/v1/completions', status: undefined, isWhole: false }]);
    expect(lines.filter(({ level }) => Number(level) > 30)).toEqual([]);
  });

  it('in the middle of its body is counted once', async () => {
    const { counted, lines, until } = await serve();
    const socket = send(asking({}, 50));
    await until(() => lines.some(({ msg }) => msg === 'incoming request'));
    socket.destroy();
    await until(() => counted.length > 0);
    for (let turn = 0; turn < 10; turn++) await setImmediate();
    expect(counted).toEqual([count]);
  });
});

describe('what is told of requests', () => {
  it('counts an answer once that is whole, whatever its status, on one connection after the other', async () => {
    const { counted, traced } = await serve({ text: 'hello' });
    const last = 'GET /none HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n';
    await exchangeBytes(app, `${asking({})}${asking({ stream: true })}${asking({ prompt: 3 })}${last}`);
    expect(counted).toEqual([
      'POST /v1/completions 200',
      'POST /v1/completions 200',
      'POST /v1/completions 400',
      'GET unknown 404',
    ]);
    expect(traced.map(({ status, isWhole }) => [status, isWhole])).toEqual([
      [200, true],
      [200, true],
      [400, true],
      [404, true],
    ]);
    expect(traced.at(-1)?.route).toBeUndefined();
  });

  it('has a URL that cannot be read too, and a span for the ids of its log', async () => {
    const { counted, traced, lines } = await serve();
    await exchangeBytes(app, 'GET /%ZZ HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n');
    expect(counted).toEqual(['GET unknown 400']);
    const logged = new Set(lines.flatMap(({ span_id }) => (span_id === undefined ? [] : [span_id])));
    expect([...logged]).toEqual(traced.map(({ spanId }) => spanId));
  });

  it('logs a failure of the server by its code, before the first byte and after it, and no refusal', async () => {
    const { lines } = await serve({ text: 'hello', failAfter: 2 });
    const close = 'GET /none HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n';
    await exchangeBytes(app, `${asking({})}${asking({ stream: true })}${asking({ prompt: 3 })}${close}`);
    const failures = lines.filter(({ level }) => Number(level) >= 50);
    expect(failures.map(({ err, span_id }) => [(err as { type: string }).type, span_id])).toEqual([
      ['DISPOSED', '1'],
      ['DISPOSED', '2'],
    ]);
  });
});
