import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, it } from 'vitest';
import { type AdapterEvent, onAdapterEvent } from '../../core/index.ts';
import { adapterOf, FakeArena } from '../testing/fake-arena.ts';
import { AdapterRegistry } from './adapter-registry.ts';

setFlagsFromString('--expose_gc');
const collectGarbage = runInNewContext('gc') as () => void;

async function collectUntil(isDone: () => boolean): Promise<void> {
  for (let i = 0; i < 200 && !isDone(); i++) {
    collectGarbage();
    await new Promise((resolve) => setImmediate(resolve));
  }
}

it('ends a lease that was lost, and tells it; one that was disposed is no anomaly', async () => {
  using registry = new AdapterRegistry(new FakeArena());
  const told: AdapterEvent[] = [];
  using _ = onAdapterEvent((event) => void (event.event === 'lease' && told.push(event)));
  await registry.load('policy', adapterOf('v1'));
  const kept = registry.acquire('policy');
  (() => {
    registry.acquire('policy').dispose();
    registry.acquire('policy').share();
  })();
  const uses = (): number | undefined => registry.list()[0]?.leases;
  await collectUntil(() => uses() === 1);
  expect(uses()).toBe(1);
  expect(told.map(({ name, version, result }) => [name, version, result])).toEqual([
    ['policy', 'v1', 'failed'],
    ['policy', 'v1', 'failed'],
  ]);
  kept.dispose();
  expect(uses()).toBe(0);
});
