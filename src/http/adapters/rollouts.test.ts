import type { FastifyInstance } from 'fastify';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type AdapterEvent, onAdapterEvent } from '../../core/index.ts';
import type { PreparedAdapter } from '../../engine/index.ts';
import {
  type AdapterArena,
  AdapterRegistry,
  createAdapterControl,
  Router,
  type RolloutRecord,
  type RolloutRecords,
} from '../../routing/index.ts';
import { FakeArena } from '../../routing/testing/fake-arena.ts';
import { FakeStore } from '../../routing/testing/fake-store.ts';
import { Rollouts, type RolloutsOptions } from '../../service/rollouts/rollouts.ts';
import { createApp } from '../app.ts';
import { fakeContext } from '../testing/fake-context.ts';

/** Records in memory, as a file would hold them. */
class FakeRecords implements RolloutRecords {
  readonly texts = new Map<string, string>();

  read(): Promise<readonly unknown[]> {
    return Promise.resolve([...this.texts.values()].map((text) => JSON.parse(text) as unknown));
  }

  write(alias: string, record: RolloutRecord): Promise<void> {
    this.texts.set(alias, JSON.stringify(record));
    return Promise.resolve();
  }
}

let now: number;
let registry: AdapterRegistry<PreparedAdapter>;
let store: FakeStore;
let records: FakeRecords;
let rollouts: Rollouts<PreparedAdapter>;
let app: FastifyInstance;

async function open(options: Partial<RolloutsOptions<PreparedAdapter>> = {}): Promise<void> {
  const arena = new FakeArena() as unknown as AdapterArena<PreparedAdapter>;
  registry = new AdapterRegistry(arena, { memory: 100 });
  rollouts = new Rollouts({ registry, records, clock: { now: () => now }, ...options });
  const control = createAdapterControl({ registry, baseName: 'base', store });
  for (const [name, version] of store.names) await control.move(name, version, {});
  await rollouts.begin({ control, store });
  const router = new Router({ baseName: 'base', registry, versions: rollouts.choice });
  const context = { ...fakeContext(), control, rollouts, router };
  app = createApp(context, { generation: context }, { clock: { now: () => now } });
}

async function close(): Promise<void> {
  await app.close();
  await rollouts[Symbol.asyncDispose]();
  registry.dispose();
}

let events: AdapterEvent[];
let heard: Disposable;
beforeEach(async () => {
  now = 0;
  events = [];
  heard = onAdapterEvent((event) => events.push(event));
  records = new FakeRecords();
  store = new FakeStore(['v1', 'v2', 'v3', 'v4']);
  store.names.set('org/policy', 'v1');
  await open();
});
afterEach(async () => {
  heard[Symbol.dispose]();
  await close();
});

const url = '/v1/adapters/org%2Fpolicy/rollout';

interface Answer {
  readonly status: number;
  readonly etag: unknown;
  readonly body: Record<string, unknown> & { readonly error?: { readonly code: string; readonly message: string } };
}

async function call(
  method: 'GET' | 'POST' | 'PATCH' | 'DELETE',
  payload?: object,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const answer = await app.inject({ method, url, headers, ...(payload && { payload }) });
  return { status: answer.statusCode, etag: answer.headers['etag'], body: answer.json<Answer['body']>() };
}

const version = (): string | undefined => registry.info('org/policy').version;
const quick = {
  steps: [
    { share: 0.5, minimum_ms: 0, minimum_samples: 20 },
    { share: 1, minimum_ms: 0 },
  ],
};

/** Requests that end as `outcome` says of the version that answers. */
async function serve(
  count: number,
  outcome: (version: string) => 'success' | 'failure' = () => 'success',
): Promise<void> {
  const router = new Router({ baseName: 'base', registry, versions: rollouts.choice });
  for (let i = 0; i < count; i++) {
    now += 10;
    using route = await router.resolve('org/policy', `user ${i}`);
    const end = outcome(route.version ?? '');
    route.call?.end(end === 'success' ? { outcome: end, latencyMs: 5 } : { outcome: end });
  }
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
}

describe('the roll-out of a name', () => {
  it('is started with a version of the store, shown, and promoted by a person', async () => {
    const started = await call('POST', { candidate: 'v2', ...quick, reason: 'better words' });
    expect([started.status, started.etag]).toEqual([201, '"v1"']);
    expect(started.body).toMatchObject({
      object: 'rollout',
      name: 'org/policy',
      stable: 'v1',
      candidate: 'v2',
      phase: 'running',
      step: 0,
      steps: [
        { share: 0.5, mirror: 0, minimum_ms: 0, minimum_samples: 20 },
        { share: 1, minimum_ms: 0 },
      ],
    });
    expect((await call('GET')).body).toEqual(started.body);
    const promoted = await call('PATCH', { action: 'promote' }, { authorization: 'Bearer x' });
    expect([promoted.body['phase'], version(), store.names.get('org/policy')]).toEqual(['promoted', 'v2', 'v2']);
    expect(events.filter(({ event }) => event === 'rollout').map(({ actor, reason }) => [actor, reason])).toEqual([
      ['address 127.0.0.1', 'better words'],
      [expect.stringMatching(/^key /), expect.stringMatching(/^promote by key /)],
    ]);
    expect(registry.versions().map(({ digest }) => digest)).toEqual(['v2']);
  });

  it('goes live by itself when its samples are good', async () => {
    await call('POST', { candidate: 'v2', ...quick, limits: { error_increase: 0.5, latency_ratio: 3 } });
    await serve(1200);
    expect((await call('GET')).body).toMatchObject({ phase: 'promoted', reason: 'every step was successful' });
    expect([version(), store.names.get('org/policy')]).toEqual(['v2', 'v2']);
  });

  it('is rolled back by itself, and its version is refused until a person clears it', async () => {
    await call('POST', { candidate: 'v2', ...quick });
    await serve(100, (answering) => (answering === 'v2' ? 'failure' : 'success'));
    expect((await call('GET')).body).toMatchObject({ phase: 'failed', reason: '5 of its last 20 calls failed' });
    expect(version()).toBe('v1');
    expect(events.some(({ event, version: put }) => event === 'quarantine' && put === 'v2')).toBe(true);
    const again = await call('POST', { candidate: 'v2' });
    expect([again.status, again.body.error?.code]).toEqual([409, 'adapter_quarantined']);
    expect((await call('DELETE')).status).toBe(200);
    expect((await call('POST', { candidate: 'v2' })).status).toBe(201);
  });

  it('is paused, resumed and aborted', async () => {
    await call('POST', { candidate: 'v2', ...quick });
    const phases: unknown[] = [];
    for (const action of ['pause', 'resume', 'abort']) phases.push((await call('PATCH', { action })).body['phase']);
    expect(phases).toEqual(['paused', 'running', 'aborted']);
    expect([version(), registry.versions().map(({ digest }) => digest)]).toEqual(['v1', ['v1']]);
  });

  it('is ended by DELETE', async () => {
    await call('POST', { candidate: 'v2', ...quick });
    expect((await call('DELETE')).body['phase']).toBe('aborted');
  });

  it('is refused where it cannot be, and changes nothing then', async () => {
    expect((await call('GET')).body.error?.code).toBe('rollout_not_found');
    const codes = [];
    for (const [payload, headers] of [
      [{ candidate: 'v9' }],
      [{ candidate: 'v1' }],
      [{ candidate: 'v2', steps: [{ share: 2 }] }],
      [{ candidate: 'v2', steps: [{ shares: 1 }] }],
      [{ candidate: 'v2', path: '/tmp/x' }],
      [{ candidate: 'v2' }, { 'if-match': '"v3"' }],
      [{ candidate: 'v2' }, { 'if-none-match': '*' }],
    ] as const) {
      const { status, body } = await call('POST', payload, headers);
      codes.push(`${status} ${body.error?.code}`);
    }
    expect(codes).toEqual([
      '404 adapter_version_unknown',
      '400 option_invalid',
      '400 option_invalid',
      '400 option_unknown',
      '400 request_invalid',
      '412 precondition_failed',
      '412 precondition_failed',
    ]);
    expect([version(), registry.versions().map(({ digest }) => digest), rollouts.list()]).toEqual(['v1', ['v1'], []]);
    await call('POST', { candidate: 'v2' }, { 'if-match': '"v1"' });
    expect((await call('POST', { candidate: 'v3' })).body.error?.code).toBe('rollout_active');
    expect((await call('PATCH', { action: 'promote' }, { 'if-match': '"v2"' })).status).toBe(412);
    expect((await call('PATCH', { action: 'faster' })).status).toBe(400);
  });

  it('is started once of many requests at once, and keeps its candidate', async () => {
    const answers = await Promise.all(['v2', 'v3', 'v4'].map((candidate) => call('POST', { candidate, ...quick })));
    expect(answers.map(({ status }) => status).toSorted()).toEqual([201, 409, 409]);
    const { candidate } = rollouts.status('org/policy');
    expect(
      registry
        .versions()
        .map(({ digest }) => digest)
        .toSorted(),
    ).toEqual(['v1', candidate]);
    await serve(50);
  });

  it('is refused for a name that is pinned', async () => {
    await registry.pins.pinName('org/policy');
    expect((await call('POST', { candidate: 'v2' })).body.error?.code).toBe('adapter_pinned');
  });

  it('goes on after a restart, with its samples', async () => {
    await call('POST', { candidate: 'v2', ...quick });
    await serve(10);
    now += 5000;
    rollouts.tick();
    await serve(0);
    await close();
    await open();
    const { body } = await call('GET');
    expect([body['phase'], body['candidate']]).toEqual(['running', 'v2']);
    const { calls } = body['stable_calls'] as { calls: number };
    expect(calls + (body['candidate_calls'] as { calls: number }).calls).toBe(10);
    await serve(200, (answering) => (answering === 'v2' ? 'failure' : 'success'));
    expect((await call('GET')).body['phase']).toBe('failed');
  });

  it('is aborted at the start if its candidate is gone', async () => {
    await call('POST', { candidate: 'v2', ...quick });
    await close();
    store.versions.delete('v2');
    await open();
    const { body } = await call('GET');
    expect([body['phase'], body['reason']]).toEqual([
      'aborted',
      expect.stringMatching(/^the candidate cannot be read/),
    ]);
  });

  it('ends when the name is removed or moved', async () => {
    await call('POST', { candidate: 'v2', ...quick });
    await app.inject({ method: 'DELETE', url: '/v1/adapters/org%2Fpolicy', payload: {} });
    rollouts.tick();
    await serve(0).catch(() => undefined);
    expect(rollouts.status('org/policy').phase.kind).toBe('aborted');
    expect(registry.versions()).toEqual([]);
  });

  it('is listed with the others', async () => {
    await call('POST', { candidate: 'v2', ...quick });
    const list = await app.inject({ method: 'GET', url: '/v1/rollouts' });
    expect(list.json()).toMatchObject({ object: 'list', data: [{ name: 'org/policy', phase: 'running' }] });
  });

  it('is told that its record cannot be read, and hinders no other', async () => {
    await call('POST', { candidate: 'v2', ...quick });
    await close();
    records.texts.set('broken', '{"state": 5}');
    await open();
    expect(events.some(({ event, error }) => event === 'rollout' && error !== undefined)).toBe(true);
    expect((await call('GET')).body['phase']).toBe('running');
  });
});

describe('a version that comes into a store', () => {
  beforeEach(async () => {
    await close();
    await open({ mode: 'progressive', rollout: { steps: [{ share: 0.5 }, { share: 1 }] } });
  });

  it('is rolled out by steps if its name is served, and a newer one takes its place', async () => {
    expect(await rollouts.arrived('org/policy', 'v2')).toBe('keep');
    expect(rollouts.status('org/policy')).toMatchObject({ stable: 'v1', candidate: 'v2', phase: { kind: 'running' } });
    expect(await rollouts.arrived('org/policy', 'v2')).toBe('keep');
    expect(await rollouts.arrived('org/policy', 'v3')).toBe('keep');
    expect(rollouts.status('org/policy').candidate).toBe('v3');
    expect(
      registry
        .versions()
        .map(({ digest }) => digest)
        .toSorted(),
    ).toEqual(['v1', 'v3']);
  });

  it('is rolled out by steps if it was uploaded, under the preconditions of the upload', async () => {
    store.put = async () => ({ digest: 'v2' });
    const upload = async (version: string, headers: Record<string, string> = {}): Promise<Answer> => {
      store.put = async () => ({ digest: version });
      const form = new FormData();
      form.append('name', 'org/policy');
      form.append('file', new Blob(['{}']), 'adapter_config.json');
      const request = new Request('http://x', { method: 'POST', body: form });
      const answer = await app.inject({
        method: 'POST',
        url: '/v1/adapters',
        headers: { 'content-type': request.headers.get('content-type') ?? '', 'x-espalier-upload': '1', ...headers },
        payload: Buffer.from(await request.arrayBuffer()),
      });
      return { status: answer.statusCode, etag: answer.headers['etag'], body: answer.json<Answer['body']>() };
    };
    const { status, body } = await upload('v2');
    expect([status, body]).toMatchObject([201, { version: 'v2', published: false, rollout: { candidate: 'v2' } }]);
    expect((await upload('v3', { 'if-match': '"v9"' })).status).toBe(412);
    expect(rollouts.status('org/policy')).toMatchObject({ candidate: 'v2', phase: { kind: 'running' } });
    expect((await upload('v3', { 'if-match': '"v1"' })).body).toMatchObject({ rollout: { candidate: 'v3' } });
  });

  it('waits until what the roll-out before it asked for is done', async () => {
    await rollouts.arrived('org/policy', 'v2');
    const promoting = rollouts.command('org/policy', 'promote', {});
    expect(await rollouts.arrived('org/policy', 'v3')).toBe('keep');
    await promoting;
    expect(rollouts.status('org/policy')).toMatchObject({ stable: 'v2', candidate: 'v3' });
    store.failure = new Error('disk full');
    await rollouts.command('org/policy', 'promote', {});
    await expect(rollouts.arrived('org/policy', 'v4')).rejects.toMatchObject({ code: 'ROLLOUT_ACTIVE' });
    store.failure = undefined;
    expect(await rollouts.arrived('org/policy', 'v4')).toBe('keep');
    expect(rollouts.status('org/policy')).toMatchObject({ stable: 'v3', candidate: 'v4' });
  });

  it('goes live at once under a new name, or if that was asked for', async () => {
    expect(await rollouts.arrived('fresh', 'v2')).toBe('activate');
    await close();
    await open();
    expect(await rollouts.arrived('org/policy', 'v2')).toBe('activate');
  });
});
