import type { FastifyInstance } from 'fastify';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EspalierError } from '../../core/index.ts';
import { storedVersion } from '../../routing/testing/fake-store.ts';
import { createApp } from '../app.ts';
import { FakeTimers } from '../../core/testing/fake-timers.ts';
import { answering, type Behaviour, hanging, VersionedContext } from '../testing/versioned-context.ts';

const broken = new EspalierError('LOGITS_NOT_FINITE', {});
const failing = answering('xx', { after: 0, error: broken });
const failingLate = answering('xyz', { after: 2, error: broken });

let server: VersionedContext;
let timers: FakeTimers;
let app: FastifyInstance;
beforeEach(async () => {
  server = new VersionedContext();
  timers = new FakeTimers();
  await server.serve('v1', 'v2');
  const context = { ...server.context, trials: { silentMs: 1000, timers } };
  app = createApp(context, { generation: context }, { timers });
});
afterEach(async () => {
  await app.close();
  server[Symbol.dispose]();
});

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly text: string;
  readonly espalier: unknown;
}

async function ask(body: object = {}): Promise<Answer> {
  const payload = { model: 'a', prompt: 'p', max_tokens: 30, ...body };
  const answer = await app.inject({ method: 'POST', url: '/v1/completions', payload });
  const events = answer.body.startsWith('data: ')
    ? answer.body.split('\n\n').flatMap((line) => (line.startsWith('data: {') ? [JSON.parse(line.slice(6))] : []))
    : [JSON.parse(answer.body)];
  const text = events.map((event) => event.choices?.[0]?.text ?? event.error?.code ?? '').join('');
  return { status: answer.statusCode, headers: answer.headers, text, espalier: events[0].espalier };
}

/** Lets time pass until the answer is there. */
async function askWhile(body: object, pass: () => void): Promise<Answer> {
  let isOver = false;
  const answered = ask(body).finally(() => (isOver = true));
  while (!isOver) {
    await new Promise((resolve) => setImmediate(resolve));
    pass();
  }
  return answered;
}

const states = (): Record<string, unknown> =>
  Object.fromEntries(
    server.breakers.list(server.now).map(({ version, requests, failures }) => [version, [requests, failures]]),
  );

describe('a call that fails', () => {
  it.each([false, true])('is answered by the version before, and says so (stream: %s)', async (stream) => {
    server.behaviours.set('v2', failing);
    const { status, headers, text, espalier } = await ask({ stream });
    expect([status, text]).toEqual([200, 'v1']);
    expect(espalier).toEqual({
      adapter: 'a',
      version: 'v1',
      fallback: { from: 'v2', to: 'v1', reason: 'call failed' },
    });
    expect([headers['x-espalier-version'], headers['x-espalier-fallback']]).toEqual(['v1', 'v2; reason="call failed"']);
    expect(states()).toEqual({ v1: [1, 0], v2: [1, 1] });
  });

  it('is answered by the base if that was declared', async () => {
    server.fallback = 'base';
    server.behaviours.set('v2', failing);
    const { headers, text, espalier } = await ask();
    expect([text, headers['x-espalier-adapter'], headers['x-espalier-version']]).toEqual(['base', 'a', undefined]);
    expect(espalier).toMatchObject({ version: null, fallback: { from: 'v2', to: null } });
  });

  it('is an error if that was declared, if the version before fails too, and if there is none', async () => {
    server.behaviours.set('v2', failing);
    server.fallback = 'error';
    for (const stream of [false, true]) expect((await ask({ stream })).text).toBe('logits_not_finite');
    server.fallback = 'previous';
    server.behaviours.set('v1', failing);
    expect(await ask()).toMatchObject({ status: 500, text: 'logits_not_finite' });
    server.behaviours.clear();
    await server.registry.adopt('b', storedVersion('only'));
    server.behaviours.set('only', failing);
    expect(await ask({ model: 'b' })).toMatchObject({ status: 500, text: 'logits_not_finite' });
  });

  it('is answered again as a whole where nothing was sent, and is an event of the stream otherwise', async () => {
    server.behaviours.set('v2', failingLate);
    expect((await ask()).text).toBe('v1');
    expect((await ask({ stream: true })).text).toBe('xylogits_not_finite');
    expect(states()).toEqual({ v1: [1, 0], v2: [2, 2] });
  });

  it('is the fault of a version that cannot be read any more', async () => {
    const gone = new EspalierError('FILE_NOT_FOUND', { what: 'file', path: 'adapter_model.safetensors' });
    server.behaviours.set('v2', answering('xx', { after: 0, error: gone }));
    expect((await ask()).text).toBe('v1');
    expect(states()['v2']).toEqual([1, 1]);
  });

  it('is not answered again for what the client asked', async () => {
    expect((await ask({ prompt: 'p'.repeat(100) })).status).toBe(400);
    expect(server.generated).toEqual([]);
    expect(states()).toEqual({ v2: [0, 0] });
  });

  it('is not answered again once the stream has begun without a token', async () => {
    let fail: () => void = () => undefined;
    server.behaviours.set('v2', async function* () {
      await new Promise<void>((_, reject) => (fail = () => reject(broken)));
      yield { token: 1 };
    });
    let rounds = 0;
    const { text } = await askWhile({ stream: true }, () => {
      timers.advance(5000);
      if (++rounds > 20) fail();
    });
    expect(text).toBe('logits_not_finite');
    expect(server.generated).toEqual(['v2']);
  });
});

describe('a version that fails too often', () => {
  it('is not asked for a while, and is tried again after it', async () => {
    server.behaviours.set('v2', failing);
    for (let i = 0; i < 10; i++) await ask();
    server.generated.length = 0;
    const { espalier } = await ask();
    expect(espalier).toMatchObject({ version: 'v1', fallback: { reason: 'breaker open' } });
    expect(server.generated).toEqual(['v1']);
    server.behaviours.clear();
    server.now += 30_000;
    for (let i = 0; i < 3; i++) expect((await ask()).text).toBe('v2');
    expect(server.breakers.of('v2').facts(server.now).state).toBe('closed');
  });

  it('says when to come again where nobody may answer', async () => {
    server.fallback = 'error';
    server.behaviours.set('v2', failing);
    for (let i = 0; i < 10; i++) await ask();
    const { status, headers, text } = await ask();
    expect([status, text, headers['retry-after']]).toEqual([503, 'breaker_open', '30']);
  });
});

describe('a candidate of a roll-out', () => {
  const subject = { id: 'r', alias: 'a', stable: 'v2', candidate: 'new' };
  beforeEach(async () => {
    await server.registry.held.hold('a', storedVersion('new'));
    await server.runner.start(subject, { steps: [{ share: 0.5 }, { share: 1 }] });
  });

  it('answers its share of the users, each always the same way, and says so', async () => {
    const sides = new Map<string, Set<string>>();
    for (let i = 0; i < 60; i++) {
      const user = `user ${i % 20}`;
      const { text, headers, espalier } = await ask({ user });
      expect(espalier).toMatchObject({ version: text, rollout: { id: 'r', side: headers['x-espalier-rollout'] } });
      sides.set(user, (sides.get(user) ?? new Set()).add(text));
    }
    expect([...sides.values()].every(({ size }) => size === 1)).toBe(true);
    expect(new Set([...sides.values()].flatMap((seen) => [...seen]))).toEqual(new Set(['v2', 'new']));
  });

  let calls = 0;
  const at =
    (call: number, then: Behaviour, first: Behaviour): Behaviour =>
    (request) =>
      (calls++ < call ? first : then)(request);
  it.each<[string, () => Behaviour]>([
    ['throws', () => answering('xx', { after: 0, error: new Error('broken') })],
    ['has logits that are not finite', () => failing],
    ['fails in the middle of its answers', () => failingLate],
    ['fails late', () => at(15, failing, answering('new'))],
    ['fails every other time', () => (request) => (calls++ % 2 === 0 ? failing : answering('new'))(request)],
    ['hangs', () => hanging()],
    ['hangs in the middle of its answers', () => hanging('x')],
  ])('that %s is rolled back, and no user sees a failure', async (_, behave) => {
    calls = 0;
    server.behaviours.set('new', behave());
    const seen = new Set<string>();
    for (let i = 0; i < 100 && server.runner.status('a').phase.kind === 'running'; i++) {
      const { status, text } = await askWhile({ user: `user ${i}` }, () => timers.advance(500));
      seen.add(`${status} ${text}`);
    }
    expect(server.runner.status('a').phase.kind).toBe('failed');
    expect([...seen].every((one) => ['200 v2', '200 new'].includes(one))).toBe(true);
    expect((await ask()).text).toBe('v2');
  });

  it.each([false, true])('that hangs is answered by the stable version in time (stream: %s)', async (stream) => {
    server.behaviours.set('new', hanging(stream ? '' : 'x'));
    for (let i = 0; i < 8; i++) {
      expect(await askWhile({ stream }, () => timers.advance(500))).toMatchObject({ status: 200, text: 'v2' });
    }
    expect(server.generated).toContain('new');
  });
});
