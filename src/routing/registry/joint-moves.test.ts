import { describe, expect, it } from 'vitest';
import { codeOf } from '../testing/code-of.ts';
import { FakeArena } from '../testing/fake-arena.ts';
import { FakeStore, storedVersion } from '../testing/fake-store.ts';
import { createAdapterControl } from '../store/adapter-control.ts';
import { AdapterRegistry } from './adapter-registry.ts';

const namesOf = (registry: AdapterRegistry): Record<string, string | undefined> =>
  Object.fromEntries(registry.list().map(({ name, version }) => [name, version]));

async function registryOf(names: Record<string, string>): Promise<AdapterRegistry> {
  const registry = new AdapterRegistry(new FakeArena());
  for (const [name, version] of Object.entries(names)) await registry.adopt(name, storedVersion(version));
  return registry;
}

const move = (name: string, from?: string, to?: string) => ({
  name,
  from,
  to: to === undefined ? to : storedVersion(to),
});

describe('a joint move', () => {
  it('is one change for whoever looks between two turns of the event loop', async () => {
    using registry = await registryOf({ one: 'a', two: 'b', three: 'c' });
    const seen = new Set([JSON.stringify(namesOf(registry))]);
    let isOver = false;
    const moving = registry.joint
      .move([move('one', 'a', 'b'), move('two', 'b'), move('four', undefined, 'd')])
      .finally(() => (isOver = true));
    while (!isOver) {
      seen.add(JSON.stringify(namesOf(registry)));
      await Promise.resolve();
    }
    await moving;
    expect([...seen]).toEqual([
      JSON.stringify({ one: 'a', two: 'b', three: 'c' }),
      JSON.stringify({ one: 'b', three: 'c', four: 'd' }),
    ]);
  });

  it.each([
    ['another version', [move('one', 'x', 'b')], 'ADAPTER_VERSION_CONFLICT'],
    ['a name that is there', [move('two', undefined, 'a')], 'ADAPTER_VERSION_CONFLICT'],
    ['a pinned name', [move('three', 'c', 'a')], 'ADAPTER_PINNED'],
  ])('changes nothing where it meets %s', async (_what, wrong, code) => {
    using registry = await registryOf({ one: 'a', two: 'b', three: 'c' });
    await registry.pins.pinName('three');
    const before = registry.list();
    expect(await codeOf(registry.joint.move([move('four', undefined, 'd'), ...wrong]))).toBe(code);
    expect(registry.list()).toBe(before);
    expect(registry.versions().map(({ digest }) => digest)).toEqual(['a', 'b', 'c']);
  });

  it('and another one with the same names in another order both end', async () => {
    using registry = await registryOf({ one: 'a', two: 'b' });
    const there = registry.joint.move([move('one', 'a', 'b'), move('two', 'b', 'a')]);
    const back = registry.joint.move([move('two', 'a', 'b'), move('one', 'b', 'a')]);
    await Promise.all([there, back]);
    expect(namesOf(registry)).toEqual({ one: 'a', two: 'b' });
  });

  it('goes back as a whole where the store cannot remember a part of it', async () => {
    using registry = await registryOf({ one: 'a', two: 'b' });
    const store = new FakeStore(['a', 'b', 'c']);
    store.names.set('one', 'a').set('two', 'b');
    const remember = store.remember.bind(store);
    store.remember = (name, digest) =>
      name === 'two' && digest === 'c' ? Promise.reject(new Error('full')) : remember(name, digest);
    const control = createAdapterControl({ registry, baseName: 'base', store });
    const changes = [
      { name: 'one', from: 'a', to: undefined },
      { name: 'two', from: 'b', to: 'c' },
    ];
    await expect(control.moveTogether(changes, {})).rejects.toThrow('full');
    expect(namesOf(registry)).toEqual({ one: 'a', two: 'b' });
    expect(Object.fromEntries(store.names)).toEqual({ one: 'a', two: 'b' });
  });
});
