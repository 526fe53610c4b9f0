import type { FastifyInstance } from 'fastify';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type AdapterEvent, onAdapterEvent } from '../../core/index.ts';
import { AdapterRegistry, createAdapterControl } from '../../routing/index.ts';
import { FakeArena, type FakeWeights } from '../../routing/testing/fake-arena.ts';
import { FakeStore } from '../../routing/testing/fake-store.ts';
import { createApp } from '../app.ts';
import { fakeContext } from '../testing/fake-context.ts';

let now = 0;
let registry: AdapterRegistry<FakeWeights>;
let store: FakeStore;
let app: FastifyInstance;

beforeEach(async () => {
  now = 0;
  registry = new AdapterRegistry(new FakeArena(), { memory: 100 });
  store = new FakeStore(['v1', 'v2', 'v3']);
  const control = createAdapterControl({ registry, baseName: 'base', store });
  const context = { ...fakeContext(), control };
  app = createApp(context, { generation: context }, { clock: { now: () => now } });
  for (const version of ['v1', 'v2']) await call('PUT', '/v1/adapters/org%2Fpolicy', { version });
});
afterEach(async () => {
  await app.close();
  registry.dispose();
});

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: Record<string, unknown> & { readonly error?: { readonly code: string; readonly message: string } };
}

async function call(
  method: 'GET' | 'PUT' | 'POST' | 'DELETE',
  url: string,
  payload?: object,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const answer = await app.inject({ method, url, headers, ...(payload && { payload }) });
  return { status: answer.statusCode, headers: answer.headers, body: answer.json<Answer['body']>() };
}

const policy = '/v1/adapters/org%2Fpolicy';
const version = (): string | undefined => registry.info('org/policy').version;

describe('/v1/adapters', () => {
  it('tells the state of every name, and of one with its history, without a path', async () => {
    await call('POST', `${policy}/pin`, { reason: 'audit', weights: true });
    const list = await call('GET', '/v1/adapters');
    expect(list.body).toMatchObject({
      object: 'list',
      memory: { used: 2, limit: 100, versions: 1 },
      data: [
        {
          name: 'org/policy',
          state: 'serving',
          version: 'v2',
          resident: true,
          leases: 0,
          requests: 0,
          draining: false,
          pinned: { by: 'address 127.0.0.1', reason: 'audit', weights: true },
        },
      ],
    });
    const one = await call('GET', policy);
    const shard = { tensor: 'v2', file_offset: 8, address: '0x7f00', bytes: 2, aligned_bytes: 3 };
    expect(one.body['shards']).toEqual([shard]);
    expect(JSON.stringify(list.body)).not.toContain('0x7f00');
    expect(one.headers['etag']).toBe('"v2"');
    expect(one.body['history']).toMatchObject([{ version: 'v2' }, { version: 'v1', by: 'address 127.0.0.1' }]);
    expect(JSON.stringify([list.body, one.body])).not.toContain('path');
  });

  it('moves a name, and rolls it back, for who asked and why', async () => {
    const seen: AdapterEvent[] = [];
    using _ = onAdapterEvent((event) => void seen.push(event));
    const headers = { authorization: 'Bearer s3cret' };
    const moved = await call('POST', `${policy}/publish`, { version: 'v3', reason: 'new terms' }, headers);
    expect([moved.status, moved.headers['etag'], version()]).toEqual([200, '"v3"', 'v3']);
    const back = await call('POST', `${policy}/rollback`, { reason: 'wrong terms' }, headers);
    expect([back.status, back.body['version'], store.names.get('org/policy')]).toEqual([200, 'v2', 'v2']);
    expect(seen.map(({ event, reason }) => [event, reason])).toEqual([
      ['replace', 'new terms'],
      ['retire', undefined],
      ['rollback', 'wrong terms'],
      ['retire', undefined],
    ]);
    expect(seen[0]?.actor).toMatch(/^key [0-9a-f]{8}$/);
    await call('POST', `${policy}/publish`, { version: 'v3' }, { 'x-api-key': 's3cret' });
    expect(seen.at(-2)).toMatchObject({ event: 'replace', actor: seen[0]?.actor });
    await call('POST', `${policy}/rollback`, {}, { 'x-api-key': 'another' });
    expect(seen.at(-2)?.actor).toMatch(/^key [0-9a-f]{8}$/);
    expect(seen.at(-2)?.actor).not.toBe(seen[0]?.actor);
    await call('POST', `${policy}/rollback`, { to: 'v3' });
    expect(version()).toBe('v3');
  });

  it('pins and unpins a name', async () => {
    await call('POST', `${policy}/pin`);
    const refused = await call('PUT', policy, { version: 'v1' });
    expect([refused.status, refused.body.error?.code]).toEqual([409, 'adapter_pinned']);
    expect((await call('DELETE', policy)).status).toBe(409);
    await call('POST', `${policy}/unpin`);
    expect((await call('PUT', policy, { version: 'v1' })).status).toBe(200);
  });

  it('drains a name: new requests are refused with a time, and the answer comes with the last that had begun', async () => {
    const lease = registry.acquire('org/policy');
    const begun = await call('POST', `${policy}/drain`);
    expect(begun.body).toMatchObject({ draining: true, requests: 1 });
    expect(() => registry.acquire('org/policy')).toThrow('Try again in 5 s');
    const waiting = call('POST', `${policy}/drain`, { wait_ms: 60_000 });
    lease.dispose();
    expect((await waiting).body).toMatchObject({ draining: true, requests: 0 });
    expect((await call('POST', `${policy}/resume`)).body).toMatchObject({ draining: false });
    registry.acquire('org/policy').dispose();
  });

  it('takes the name of a folder that is served, whatever its letters', async () => {
    await registry.point('höfliche Worte', 'v2');
    const url = '/v1/adapters/h%C3%B6fliche%20Worte';
    expect((await call('GET', url)).body).toMatchObject({ name: 'höfliche Worte', version: 'v2' });
    expect((await call('PUT', url, { version: 'v1' })).status).toBe(200);
    expect((await call('DELETE', url)).status).toBe(200);
    expect((await call('PUT', url, { version: 'v1' })).status).toBe(400);
  });

  it('removes a name', async () => {
    const removed = await call('DELETE', policy, undefined, { 'if-match': '"v2"' });
    expect(removed.body).toEqual({ object: 'adapter', name: 'org/policy', deleted: true });
    expect([registry.has('org/policy'), store.names.size]).toEqual([false, 0]);
    expect((await call('GET', policy)).status).toBe(404);
  });

  it.each<[method: 'GET' | 'PUT' | 'POST', url: string, body: object | undefined, status: number, code: string]>([
    ['GET', '/v1/adapters/..', undefined, 404, 'route_not_found'],
    ['GET', '/v1/adapters/%2e%2e', undefined, 404, 'route_not_found'],
    ['GET', '/v1/adapters/a%2F..%2Fb', undefined, 400, 'request_invalid'],
    ['GET', '/v1/adapters/base', undefined, 400, 'request_invalid'],
    ['GET', '/v1/adapters/none', undefined, 404, 'model_not_found'],
    ['PUT', '/v1/adapters/new', {}, 400, 'request_invalid'],
    ['PUT', '/v1/adapters/new', { version: 'v1', path: '/etc' }, 400, 'request_invalid'],
    ['PUT', '/v1/adapters/new', { version: 'v9' }, 404, 'adapter_version_unknown'],
    ['POST', '/v1/adapters/none/rollback', {}, 404, 'model_not_found'],
    ['POST', `${policy}/rollback`, { to: 'v9' }, 404, 'adapter_version_unknown'],
    ['POST', `${policy}/drain`, { wait_ms: 60_001 }, 400, 'request_invalid'],
    ['POST', `${policy}/pin`, { reason: 'x'.repeat(501) }, 400, 'request_invalid'],
  ])('answers %s %s %j with %i %s, and changes nothing', async (method, url, body, status, code) => {
    const answer = await call(method, url, body);
    expect([answer.status, answer.body.error?.code]).toEqual([status, code]);
    expect(registry.list()).toMatchObject([{ name: 'org/policy', version: 'v2', pin: undefined, isDraining: false }]);
  });
});

describe('preconditions', () => {
  it.each<[method: 'PUT' | 'POST' | 'DELETE', path: string, body?: object]>([
    ['PUT', '', { version: 'v3' }],
    ['POST', '/publish', { version: 'v3' }],
    ['POST', '/rollback'],
    ['POST', '/pin'],
    ['POST', '/unpin'],
    ['POST', '/drain'],
    ['POST', '/resume'],
    ['DELETE', ''],
  ])('that are not met refuse %s %s with 412, and those that are let it through', async (method, path, body) => {
    for (const headers of [{ 'if-match': '"v1"' }, { 'if-none-match': '*' }]) {
      const refused = await call(method, policy + path, body, headers);
      expect([refused.status, refused.body.error?.code]).toEqual([412, 'precondition_failed']);
    }
    expect(registry.list()).toMatchObject([{ version: 'v2', pin: undefined, isDraining: false }]);
    expect((await call(method, policy + path, body, { 'if-match': '"v2"' })).status).toBe(200);
  });

  it('let only one of many racing moves through', async () => {
    const moves = Array.from({ length: 20 }, (_, i) =>
      call('PUT', policy, { version: i % 2 === 0 ? 'v1' : 'v3' }, { 'if-match': '"v2"' }),
    );
    const statuses = (await Promise.all(moves)).map(({ status }) => status);
    expect([statuses.filter((status) => status === 200).length, new Set(statuses)]).toEqual([1, new Set([200, 412])]);
  });

  it('that were not sent leave a change that came in between a conflict', async () => {
    store.assertFree = async () => void (await registry.point('org/policy', 'v1'));
    const { status, body } = await call('POST', `${policy}/rollback`);
    expect([status, body.error?.code, version()]).toEqual([409, 'adapter_version_conflict', 'v1']);
  });

  it('let a new name be made once', async () => {
    const headers = { 'if-none-match': '*' };
    expect((await call('PUT', '/v1/adapters/new', { version: 'v1' }, headers)).status).toBe(200);
    expect((await call('PUT', '/v1/adapters/new', { version: 'v1' }, headers)).status).toBe(412);
  });

  it.each([{ 'if-match': 'v2' }, { 'if-match': 'W/"v2"' }, { 'if-match': '"v1", "v2"' }, { 'if-none-match': '"v1"' }])(
    'are refused where they cannot be read: %j',
    async (headers) => {
      expect((await call('DELETE', policy, undefined, headers as Record<string, string>)).status).toBe(400);
      expect(version()).toBe('v2');
    },
  );
});

describe('a request with an Idempotency-Key', () => {
  const key = { 'idempotency-key': 'k1' };

  it('is carried out once, and answered again with the same answer for a day', async () => {
    const first = await call('POST', `${policy}/rollback`, {}, key);
    const again = await call('POST', `${policy}/rollback`, {}, key);
    expect([again.status, again.body, again.headers['etag']]).toEqual([200, first.body, '"v1"']);
    expect([first.headers['idempotent-replayed'], again.headers['idempotent-replayed']]).toEqual([undefined, 'true']);
    now += 24 * 60 * 60 * 1000;
    const late = await call('POST', `${policy}/rollback`, {}, key);
    expect([late.status, late.body.error?.code]).toEqual([409, 'adapter_no_earlier_version']);
  });

  it('is refused for another change, and for a key that is no text', async () => {
    await call('PUT', policy, { version: 'v3' }, key);
    for (const other of [
      call('PUT', policy, { version: 'v1' }, key),
      call('PUT', '/v1/adapters/other', { version: 'v3' }, key),
      call('PUT', policy, { version: 'v3' }, { ...key, 'if-match': '"v3"' }),
      call('POST', `${policy}/rollback`, {}, key),
    ]) {
      const { status, body } = await other;
      expect([status, body.error?.code]).toEqual([422, 'idempotency_key_reused']);
    }
    expect((await call('POST', `${policy}/pin`, {}, { 'idempotency-key': 'x'.repeat(256) })).status).toBe(400);
    expect(version()).toBe('v3');
  });

  it('is one of its own for each key of the API, in whichever header that is sent', async () => {
    await call('PUT', policy, { version: 'v1' }, { ...key, 'x-api-key': 'c' });
    const other = await call('PUT', policy, { version: 'v3' }, { ...key, 'x-api-key': 'd' });
    const same = await call('PUT', policy, { version: 'v1' }, { ...key, authorization: 'Bearer c' });
    expect([other.status, same.headers['idempotent-replayed'], version()]).toEqual([200, 'true', 'v3']);
    await call('PUT', policy, { version: 'v2' });
  });

  it('is one of its own for each key of the API', async () => {
    await call('PUT', policy, { version: 'v3' }, { ...key, authorization: 'Bearer a' });
    expect((await call('PUT', policy, { version: 'v1' }, { ...key, authorization: 'Bearer b' })).status).toBe(200);
  });

  it('is refused while the first one goes on', async () => {
    using _ = registry.acquire('org/policy');
    const first = call('POST', `${policy}/drain`, { wait_ms: 60_000 }, key);
    await expect.poll(() => registry.info('org/policy').isDraining).toBe(true);
    const second = await call('POST', `${policy}/drain`, { wait_ms: 60_000 }, key);
    expect([second.status, second.body.error?.code]).toEqual([409, 'idempotency_key_busy']);
    registry.drains.resumeName('org/policy');
    expect((await first).status).toBe(200);
  });

  it('gets the same refusal again, and a new try after a fault of the server', async () => {
    expect((await call('PUT', policy, { version: 'v9' }, key)).status).toBe(404);
    store.versions.add('v9');
    expect((await call('PUT', policy, { version: 'v9' }, key)).status).toBe(404);
    store.failure = new Error('disk full');
    const other = { 'idempotency-key': 'k2' };
    expect((await call('PUT', policy, { version: 'v3' }, other)).status).toBe(500);
    store.failure = undefined;
    expect((await call('PUT', policy, { version: 'v3' }, other)).status).toBe(200);
  });
});
