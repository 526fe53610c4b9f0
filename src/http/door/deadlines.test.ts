import { connect, type AddressInfo, type Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { breathe } from '../../core/index.ts';
import type { Reservation } from '../../service/index.ts';
import { createApp, type AppOptions } from '../app.ts';
import { fakeContext, type FakeContext } from '../testing/fake-context.ts';
import { fakeModels } from '../testing/fake-models.ts';
import { FakeTimers } from '../../core/testing/fake-timers.ts';

let app: FastifyInstance | undefined;
let timers = new FakeTimers();
const sockets: Socket[] = [];

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await app?.close();
  timers = new FakeTimers();
});

async function open(options: AppOptions = {}, context: FakeContext = fakeContext()): Promise<FakeContext> {
  app = createApp(context, { generation: context, inference: fakeModels() }, { timers, ...options });
  await app.listen({ host: '127.0.0.1', port: 0 });
  return context;
}

interface Connection {
  readonly socket: Socket;
  /** What has come so far. */
  readonly text: () => string;
  readonly ended: Promise<string>;
}

/** Sends bytes as they are, and leaves the connection open. */
function send(bytes: string): Connection {
  const address = app?.server.address() as AddressInfo | undefined;
  const socket = connect(address?.port ?? 0, '127.0.0.1', () => socket.write(bytes));
  sockets.push(socket);
  let text = '';
  socket.on('data', (chunk) => (text += chunk.toString('latin1')));
  socket.on('error', () => undefined);
  const ended = new Promise<string>((resolve) => socket.on('close', () => resolve(text)));
  return { socket, text: () => text, ended };
}

const head = (path: string, length: number, extra = ''): string =>
  `POST ${path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: ${length}\r\n${extra}\r\n`;
const half = (path = '/v1/completions'): Connection => send(`${head(path, 1000)}{"model":`);

const arrived = (count: number): Promise<void> => vi.waitFor(() => expect(timers.waiting).toBe(count));
const bodyOf = (answer: string): unknown => JSON.parse(answer.slice(answer.indexOf('\r\n\r\n') + 4));
const openAi = (code: string): object => ({
  error: { message: expect.any(String) as string, type: expect.any(String) as string, code },
});

describe('a body that does not arrive', () => {
  it.each([
    ['/v1/completions', openAi('request_timeout')],
    ['/v2/models/echo/infer', { error: expect.stringContaining('did not arrive') as string }],
  ])('ends with 408 in the form of the API: %s', async (path, form) => {
    await open();
    const { ended } = half(path);
    await arrived(1);
    timers.advance(40_000);
    const answer = await ended;
    expect(answer).toMatch(/^HTTP\/1.1 408 [^]*connection: close/);
    expect(bodyOf(answer)).toMatchObject(form);
  });

  it('may take longer the larger it is said to be', async () => {
    await open();
    const { ended, text } = send(`${head('/v1/completions', 8 * 2 ** 20)}{`);
    await arrived(1);
    timers.advance(31_000);
    expect(text()).toBe('');
    timers.advance(20_000);
    expect(await ended).toMatch(/^HTTP\/1.1 408 /);
  });

  it('gives its place to others: of too many, the oldest is ended', async () => {
    await open({ maxBodies: 2 });
    const first = half();
    await arrived(1);
    const second = half();
    await arrived(2);
    half();
    expect(await first.ended).toMatch(/^HTTP\/1.1 408 [^]*too many are on their way/);
    await arrived(2);
    expect(second.text()).toBe('');
  });

  it('is ended too where the request was refused before', async () => {
    await open({}, fakeContext({ apiKey: 'secret' }));
    const { socket, ended, text } = half();
    await vi.waitFor(() => expect(text()).toMatch(/^HTTP\/1.1 401 /));
    await arrived(1);
    socket.write('{');
    timers.advance(5000);
    expect(await ended).toMatch(/^HTTP\/1.1 401 /);
  });

  it('leaves no timer once it has come', async () => {
    await open();
    const body = '{"model":"base","prompt":"a"}';
    const { text } = send(head('/v1/completions', body.length) + body);
    await vi.waitFor(() => expect(text()).toMatch(/^HTTP\/1.1 200 /), { timeout: 20_000 });
    expect(timers.waiting).toBe(0);
  });
});

describe('a head that does not arrive, or is none', () => {
  it('ends with 408', async () => {
    await open({ http: { headersTimeout: 20, connectionsCheckingInterval: 10 } });
    const answer = await send('POST /v1/completions HTTP/1.1\r\nhost: localhost\r\n').ended;
    expect([answer.slice(0, 12), bodyOf(answer)]).toMatchObject(['HTTP/1.1 408', openAi('request_timeout')]);
  });

  it('is not missed on a connection that is opened for later', async () => {
    await open({ http: { headersTimeout: 20, connectionsCheckingInterval: 10 } });
    const { socket, text, ended } = send('');
    // Ended with 408 after some 20 ms, it is behind the one that was opened before.
    await send('POST /v1/completions HTTP/1.1\r\nhost: localhost\r\n').ended;
    socket.write('GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n');
    await vi.waitFor(() => expect(text()).toMatch(/^HTTP\/1.1 200 /));
    socket.write('GET /health HTTP/1.1\r\n');
    expect(await ended).toContain('HTTP/1.1 408 ');
  });

  it('is not waited for after the time in which a connection is kept', async () => {
    const http = { headersTimeout: 20, connectionsCheckingInterval: 10 };
    await open({ http });
    if (app) app.server.keepAliveTimeout = 20;
    expect(await send('').ended).toBe('');
  });

  it('has come where the process stood still until after its time', async () => {
    await open();
    const served = new Promise<Socket>((resolve) => app?.server.once('connection', resolve));
    const { socket, text } = send('GET /health HTTP/1.1\r\n');
    const end = await served;
    await vi.waitFor(() => expect(end.bytesRead).toBeGreaterThan(0));
    const late = Object.assign(new Error('late'), { code: 'ERR_HTTP_REQUEST_TIMEOUT' });
    setTimeout(() => {
      socket.write('host: localhost\r\n\r\n');
      app?.server.emit('clientError', late, end);
    });
    await vi.waitFor(() => expect(text()).not.toBe(''));
    expect(text()).toMatch(/^HTTP\/1.1 200 /);
  });

  it.each([
    [
      'HTTP/1.1 431',
      'headers_too_large',
      `GET /v1/models HTTP/1.1\r\nhost: localhost\r\nx: ${'a'.repeat(20_000)}\r\n\r\n`,
    ],
    ['HTTP/1.1 400', 'request_invalid', 'no http at all\r\n\r\n'],
  ])('ends with %s and the code %s', async (status, code, bytes) => {
    await open();
    const answer = await send(bytes).ended;
    expect([answer.slice(0, 12), bodyOf(answer)]).toMatchObject([status, openAi(code)]);
  });
});

describe('closing', () => {
  const stream = (n = 1): Connection => {
    const body = JSON.stringify({ model: 'base', prompt: 'a', stream: true, n });
    return send(head('/v1/completions', body.length) + body);
  };

  it('does not wait for half a body, and tells who sends it to go elsewhere', async () => {
    await open();
    const { ended } = half();
    await arrived(1);
    await app?.close();
    const answer = await ended;
    expect([answer.slice(0, 12), bodyOf(answer)]).toMatchObject(['HTTP/1.1 503', openAi('shutting_down')]);
  });

  it('answers every request that came before, however many are still to be begun', async () => {
    let came = 0;
    let closing: Promise<unknown> | undefined;
    const reserve = (): Reservation => {
      // All heads are read, and nearly all of the requests wait to be begun.
      if (++came === 30) {
        context.shuttingDown = true;
        closing = app?.close();
      }
      return { resize: () => undefined, use: () => true, [Symbol.dispose]: () => undefined };
    };
    const context = fakeContext();
    Object.assign(context.engine, { reserve });
    await open({}, context);
    const body = JSON.stringify({ model: 'base', prompt: 'a', max_tokens: 3 });
    const sent = Array.from({ length: 30 }, () => send(head('/v1/completions', body.length) + body));
    while (closing === undefined) await breathe();
    await closing;
    const answers = await Promise.all(sent.map(({ ended }) => ended));
    expect(answers.filter((answer) => !answer.startsWith('HTTP/1.1 200'))).toEqual([]);
  });

  it('does not wait for half a head, nor for a connection that says nothing', async () => {
    await open();
    const quiet = [send('POST /v1/comp'), send('')];
    await vi.waitFor(() => expect(quiet.every(({ socket }) => !socket.connecting)).toBe(true));
    await app?.close();
    await Promise.all(quiet.map(({ ended }) => ended));
  });

  it('ends answers that take longer than its deadline, and their generation', async () => {
    const context = await open({ drainTimeoutMs: 1000 }, fakeContext({ text: 'endless' }));
    const { ended, text } = stream();
    await vi.waitFor(() => expect(text()).toContain('data: '));
    const closed = app?.close();
    await vi.waitFor(() => expect(timers.waiting).toBe(2));
    timers.advance(999);
    const before = text().length;
    await vi.waitFor(() => expect(text().length).toBeGreaterThan(before));
    timers.advance(1);
    await closed;
    await ended;
    expect(context.requests[0]?.signal?.aborted).toBe(true);
    expect(timers.waiting).toBe(0);
  });

  it('lets answers take longer than the time in which Fastify expects a hook to end', async () => {
    await open({ drainTimeoutMs: 1000 }, fakeContext({ text: 'endless' }));
    const { ended, text } = stream();
    await vi.waitFor(() => expect(text()).toContain('data: '));
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const closed = app?.close();
    await vi.waitFor(() => expect(timers.waiting).toBe(2));
    vi.advanceTimersByTime(60_000);
    vi.useRealTimers();
    timers.advance(1000);
    await expect(closed).resolves.toBeUndefined();
    await ended;
  });

  it('does not wait for a client that reads nothing', async () => {
    const context = await open({ drainTimeoutMs: 6000 }, fakeContext({ text: 'endless' }));
    const { socket } = stream(128);
    socket.pause();
    // Until no buffer of the system takes more.
    await vi.waitFor(() => expect(context.requests).toHaveLength(128));
    let last = -1;
    const stuck = (): boolean => {
      const taken = context.taken;
      const isStuck = taken === last;
      last = taken;
      return isStuck && taken > 10_000;
    };
    await vi.waitFor(() => expect(stuck()).toBe(true), { timeout: 20_000, interval: 300 });
    const closed = app?.close();
    await vi.waitFor(() => expect(timers.waiting).toBe(2));
    timers.advance(1000);
    await closed;
  });

  it('refuses new requests in the form of the API while it waits', async () => {
    await open({}, fakeContext({ text: 'endless' }));
    const kept = send('GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n');
    const other = send('GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n');
    const { text } = stream();
    await vi.waitFor(() => expect(text()).toContain('data: '));
    const closed = app?.close();
    await vi.waitFor(() => expect(timers.waiting).toBe(2));
    kept.socket.write('GET /v1/models HTTP/1.1\r\nhost: localhost\r\n\r\n');
    other.socket.write('GET /v2 HTTP/1.1\r\nhost: localhost\r\n\r\n');
    const [answer, answerV2] = [await kept.ended, await other.ended].map((all) =>
      all.slice(all.lastIndexOf('HTTP/1.1')),
    );
    expect([answer?.slice(0, 12), bodyOf(answer ?? '')]).toMatchObject(['HTTP/1.1 503', openAi('shutting_down')]);
    expect([answerV2?.slice(0, 12), bodyOf(answerV2 ?? '')]).toMatchObject([
      'HTTP/1.1 503',
      { error: expect.any(String) as string },
    ]);
    timers.advance(30_000);
    await closed;
  });
});

describe('what the framework refuses has the form of the API', () => {
  const json = { 'content-type': 'application/json' };
  const big = 'x'.repeat(8 * 2 ** 20 + 1);
  it.each<[status: number, code: string, url: string, headers: Record<string, string>, payload: string]>([
    [400, 'request_invalid', '/v1/completions', json, '{"model":'],
    [413, 'body_too_large', '/v1/completions', json, big],
    [414, 'url_too_long', `/v1/models/${'a'.repeat(600)}`, {}, ''],
    [415, 'content_type_unsupported', '/v1/completions', { 'content-type': 'text/plain' }, 'a'],
    [415, 'content_type_unsupported', '/v1/completions', { 'content-type': 'not a type' }, 'a'],
    [415, 'content_type_unsupported', '/v1/completions', {}, 'a'],
    [400, 'request_invalid', '/v1/models/%zz', {}, ''],
    [404, 'route_not_found', '/v1/nothing', json, '{'],
  ])('%d %s', async (status, code, url, headers, payload) => {
    const context = fakeContext();
    const whole = createApp(context, { generation: context, inference: fakeModels(context.adapters) });
    const method = payload === '' ? 'GET' : 'POST';
    const answer = await whole.inject({ method, url, headers, ...(payload === '' ? {} : { payload }) });
    expect([answer.statusCode, answer.json()]).toMatchObject([status, openAi(code)]);
    const v2 = url.replace('/v1/completions', '/v2/models/echo/adapters/a/load').replace('/v1/', '/v2/');
    const answerV2 = await whole.inject({ method, url: v2, headers, ...(payload === '' ? {} : { payload }) });
    expect([answerV2.statusCode, answerV2.json()]).toEqual([status, { error: expect.any(String) as string }]);
  });
});
