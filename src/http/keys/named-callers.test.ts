import type { FastifyInstance } from 'fastify';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type AdapterEvent, EspalierError, onAdapterEvent } from '../../core/index.ts';
import { AdapterRegistry, createAdapterControl } from '../../routing/index.ts';
import { FakeArena, type FakeWeights } from '../../routing/testing/fake-arena.ts';
import { FakeStore } from '../../routing/testing/fake-store.ts';
import { createApp } from '../app.ts';
import { fakeContext, type FakeContext } from '../testing/fake-context.ts';
import { KeyRing } from './key-ring.ts';
import { parseKeys } from './read-keys.ts';

const list = `
- {name: acme, key: key-of-acme, models: [acme/*, base], admin: true}
- {name: beta, key: key-of-beta, models: [beta/*, base], admin: true}
- {name: ops, key: key-of-ops, models: '*', admin: true}
- {name: gamma, key: key-of-gamma, models: [acme/*]}
`;

let ring: KeyRing;
let registry: AdapterRegistry<FakeWeights>;
let context: FakeContext;
let app: FastifyInstance;
let events: AdapterEvent[];
let heard: Disposable;

beforeEach(() => {
  events = [];
  heard = onAdapterEvent((event) => events.push(event));
  ring = new KeyRing({ apiKey: 'for-all' });
  ring.replace(parseKeys(list, 'keys.yaml'));
  registry = new AdapterRegistry(new FakeArena(), { memory: 100 });
  context = fakeContext();
  const control = createAdapterControl({ registry, baseName: 'base', store: new FakeStore(['v1', 'v2']) });
  const served = { ...context, control };
  app = createApp(served, { generation: served }, { keys: ring });
});
afterEach(async () => {
  heard[Symbol.dispose]();
  await app.close();
  registry.dispose();
});

async function send(key: string, method: 'GET' | 'POST' | 'PUT', url: string, payload?: object): Promise<number> {
  const headers = { authorization: `Bearer ${key}` };
  const { statusCode } = await app.inject({
    method,
    url,
    headers,
    remoteAddress: '10.0.0.7',
    ...(payload && { payload }),
  });
  return statusCode;
}

const completion = { model: 'base', prompt: 'x', user: 'ann' };

describe('a key with a name', () => {
  it('is who shares the engine, and its users share what it gets', async () => {
    for (const key of ['key-of-acme', 'key-of-beta', 'for-all']) await send(key, 'POST', '/v1/completions', completion);
    expect(context.requests.map(({ key, user }) => [key, user])).toEqual([
      ['key acme', 'ann'],
      ['key beta', 'ann'],
      ['10.0.0.7', 'ann'],
    ]);
  });

  it('may not ask the base if it does not list it', async () => {
    expect(await send('key-of-gamma', 'POST', '/v1/completions', completion)).toBe(404);
    expect(await send('key-of-gamma', 'GET', '/v1/models/base')).toBe(404);
    expect(context.requests).toEqual([]);
  });

  it('is the actor of its changes, from any address, under its names only', async () => {
    expect(await send('key-of-acme', 'PUT', '/v1/adapters/acme%2Fx', { version: 'v1' })).toBe(200);
    expect(await send('key-of-beta', 'PUT', '/v1/adapters/acme%2Fx', { version: 'v2' })).toBe(404);
    expect(await send('key-of-gamma', 'PUT', '/v1/adapters/acme%2Fx', { version: 'v2' })).toBe(401);
    expect(registry.info('acme/x')).toMatchObject({ version: 'v1', history: [{ actor: 'key acme' }] });
    expect(events.filter(({ name }) => name !== undefined).map(({ actor }) => actor)).toEqual(['key acme']);
  });

  it('is not told on which place of the disk its adapters lie', async () => {
    const error = new EspalierError('FILE_NOT_FOUND', { what: 'adapter', path: '/srv/beta/x' });
    registry.fail('acme/x', { path: '/srv/beta/x', read: () => Promise.reject(error) }, error);
    for (const [key, isTold] of [
      ['key-of-acme', false],
      ['key-of-ops', true],
    ] as const) {
      for (const url of ['/v1/adapters', '/v1/adapters/acme%2Fx']) {
        const { body } = await app.inject({ url, headers: { authorization: `Bearer ${key}` } });
        expect([body.includes('acme/x'), body.includes('/srv')]).toEqual([true, isTold]);
      }
    }
  });

  it('opens nothing from the moment when it is taken out of the list', async () => {
    expect(await send('key-of-beta', 'GET', '/v1/models')).toBe(200);
    ring.replace(parseKeys(list, 'keys.yaml').filter(({ name }) => name !== 'beta'));
    expect(await send('key-of-beta', 'GET', '/v1/models')).toBe(401);
    expect(await send('key-of-acme', 'GET', '/v1/models')).toBe(200);
  });
});
