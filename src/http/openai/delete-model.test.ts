import { createHash } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { PreparedAdapter } from '../../engine/index.ts';
import {
  type AdapterArena,
  AdapterRegistry,
  createAdapterAdministration,
  createAdapterControl,
  Router,
} from '../../routing/index.ts';
import { FakeArena } from '../../routing/testing/fake-arena.ts';
import { FakeStore } from '../../routing/testing/fake-store.ts';
import { Rollouts } from '../../service/rollouts/rollouts.ts';
import { createApp } from '../app.ts';
import { KeyRing } from '../keys/key-ring.ts';
import { createScope } from '../keys/scope.ts';
import { fakeContext } from '../testing/fake-context.ts';

const version = '1'.repeat(64);

let registry: AdapterRegistry<PreparedAdapter>;
let rollouts: Rollouts<PreparedAdapter>;
let app: ReturnType<typeof createApp>;
beforeEach(async () => {
  registry = new AdapterRegistry(new FakeArena() as unknown as AdapterArena<PreparedAdapter>, { memory: 1000 });
  rollouts = new Rollouts({ registry, clock: { now: () => 0 } });
  const control = createAdapterControl({ registry, baseName: 'base', store: new FakeStore([version]) });
  for (const name of ['ft:base:a:x7', 'org/name']) await control.move(name, version, {});
  const adapters = createAdapterAdministration({ registry, linears: [], folder: undefined, baseName: 'base' });
  const router = new Router({ baseName: 'base', registry, versions: rollouts.choice });
  const keys = new KeyRing({ adminKey: 'admin', apiKey: 'api' });
  const sha256 = createHash('sha256').update('acme-key').digest('hex');
  keys.replace([{ name: 'acme', sha256, scope: createScope(['org/*']), roles: new Set(['admin'] as const) }]);
  const context = { ...fakeContext(), adapters, control, rollouts, router };
  app = createApp(context, { generation: context }, { keys });
});
afterEach(async () => {
  await app.close();
  await rollouts[Symbol.asyncDispose]();
  registry.dispose();
});

async function remove(name: string, key = 'admin'): Promise<[status: number, body: unknown]> {
  const headers = { authorization: `Bearer ${key}` };
  const answer = await app.inject({ method: 'DELETE', url: `/v1/models/${encodeURIComponent(name)}`, headers });
  return [answer.statusCode, answer.json()];
}
const names = (): string[] => registry.list().map(({ name }) => name);

describe('a model that is deleted', () => {
  it.each(['ft:base:a:x7', 'org/name'])('is no longer served: %s', async (name) => {
    expect(await remove(name)).toEqual([200, { id: name, object: 'model', deleted: true }]);
    expect(names()).not.toContain(name);
    expect((await remove(name))[0]).toBe(404);
  });

  it('may have its slash as it is', async () => {
    const answer = await app.inject({
      method: 'DELETE',
      url: '/v1/models/org/name',
      headers: { authorization: 'Bearer admin' },
    });
    expect([answer.statusCode, names()]).toEqual([200, ['ft:base:a:x7']]);
  });

  it('is an adapter, and for administration of keys that see it', async () => {
    expect((await remove('base'))[0]).toBe(400);
    expect((await remove(`org/name@${version}`))[0]).toBe(400);
    expect((await remove('org/name', 'api'))[0]).toBe(401);
    expect((await remove('ft:base:a:x7', 'acme-key'))[0]).toBe(404);
    expect(names()).toEqual(['ft:base:a:x7', 'org/name']);
    expect((await remove('org/name', 'acme-key'))[0]).toBe(200);
  });
});
