import { describe, expect, it, vi } from 'vitest';
import { AdapterRegistry } from './registry/adapter-registry.ts';
import { decide, Router } from './router.ts';
import { adapterOf, FakeArena, FakeFiles } from './testing/fake-arena.ts';

describe('decide', () => {
  it.each([
    { model: 'base', isRegistered: false, decision: { kind: 'base' } },
    { model: 'base', isRegistered: true, decision: { kind: 'base' } },
    { model: 'risk', isRegistered: true, decision: { kind: 'adapter', alias: 'risk' } },
    { model: 'risk', isRegistered: false, decision: { kind: 'unknown' } },
    { model: '', isRegistered: false, decision: { kind: 'unknown' } },
  ])('$model, registered: $isRegistered', ({ model, isRegistered, decision }) => {
    expect(decide({ model, base: 'base', isRegistered })).toEqual(decision);
  });
});

describe('Router', () => {
  it('resolves the base to no lease', async () => {
    using route = await new Router({ baseName: 'base', registry: undefined }).resolve('base');
    expect(route).toMatchObject({ alias: undefined, version: undefined, leases: [] });
  });

  it('leases the version to which the name points, until the route is disposed', async () => {
    using registry = new AdapterRegistry(new FakeArena());
    await registry.load('risk', adapterOf('v1'));
    const router = new Router({ baseName: 'base', registry });
    const route = await router.resolve('risk');
    await registry.replace('risk', adapterOf('v2'));
    using next = await router.resolve('risk');
    expect([route.version, next.version]).toEqual(['v1', 'v2']);
    expect(registry.versions().map(({ digest }) => digest)).toEqual(['v1', 'v2']);
    route[Symbol.dispose]();
    expect(registry.versions().map(({ digest }) => digest)).toEqual(['v2']);
  });

  it('reads an adapter that was only announced', async () => {
    using registry = new AdapterRegistry(new FakeArena());
    registry.announce('risk', new FakeFiles('v1'));
    using route = await new Router({ baseName: 'base', registry }).resolve('risk');
    expect(route).toMatchObject({ alias: 'risk', version: 'v1' });
  });

  it('gives the error of an adapter that cannot be served, and not the base in its place', async () => {
    using registry = new AdapterRegistry(new FakeArena());
    registry.announce('risk', new FakeFiles('risk', new Error('torn')));
    const router = new Router({ baseName: 'base', registry });
    await expect(router.resolve('risk')).rejects.toThrow('torn');
    expect(() => router.assertKnown('risk')).not.toThrow();
  });

  it('refuses an unknown name with the nearest one, and names no others', async () => {
    using registry = new AdapterRegistry(new FakeArena());
    await registry.load('risk-strict', adapterOf('v'));
    await registry.load('another-tenant', adapterOf('w'));
    const router = new Router({ baseName: 'base', registry });
    const details = { model: 'risk-strct', hint: ' (did you mean risk-strict?)' };
    await expect(router.resolve('risk-strct')).rejects.toMatchObject({ code: 'MODEL_NOT_FOUND', details });
    await expect(router.resolve('risk-strct')).rejects.not.toThrow('another-tenant');
    expect(() => router.assertKnown('risk-strct')).toThrow(expect.objectContaining({ code: 'MODEL_NOT_FOUND' }));
  });

  it('refuses every name but the base where there are no adapters', async () => {
    const router = new Router({ baseName: 'base', registry: undefined });
    await expect(router.resolve('risk')).rejects.toMatchObject({ code: 'MODEL_NOT_FOUND' });
  });

  it('lists the names of no adapter to resolve a known one, so that the time does not grow with their number', async () => {
    using registry = new AdapterRegistry(new FakeArena());
    await registry.load('risk', adapterOf('v'));
    const list = vi.spyOn(registry, 'list');
    using route = await new Router({ baseName: 'base', registry }).resolve('risk');
    expect([route.alias, list.mock.calls.length]).toEqual(['risk', 0]);
  });

  it('reads versions and the name of the base in a name', async () => {
    using registry = new AdapterRegistry(new FakeArena());
    const [old, young] = ['aaaaaaaa1', 'aaaaaaaa2'];
    await registry.load('risk', adapterOf(old));
    await registry.replace('risk', adapterOf(young));
    const router = new Router({ baseName: 'base', registry });
    const versionOf = async (model: string): Promise<string | undefined> => {
      using route = await router.resolve(model);
      return route.version;
    };
    expect(await versionOf('base:risk')).toBe(young);
    expect(await versionOf('risk@aaaaaaaa2')).toBe(young);
    await expect(versionOf('risk@aaaaaaaa')).rejects.toMatchObject({ code: 'ADAPTER_VERSION_AMBIGUOUS' });
    await expect(versionOf('risk@bbbbbbbb')).rejects.toMatchObject({ code: 'ADAPTER_VERSION_UNKNOWN' });
    for (const model of ['base@aaaaaaaa', 'other@aaaaaaaa', 'other:risk', 'base:other']) {
      await expect(versionOf(model)).rejects.toMatchObject({ code: 'MODEL_NOT_FOUND' });
    }
  });

  it('leases an earlier version by its digest, and lets go of it', async () => {
    using registry = new AdapterRegistry(new FakeArena());
    registry.announce('risk', new FakeFiles('aaaaaaaa1'));
    (await registry.lease('risk')).dispose();
    await registry.replace('risk', new FakeFiles('bbbbbbbb1'));
    const router = new Router({ baseName: 'base', registry });
    const route = await router.resolve('risk@AAAAAAAA');
    expect([route.alias, route.version]).toEqual(['risk', 'aaaaaaaa1']);
    expect(
      registry
        .versions()
        .map(({ digest }) => digest)
        .toSorted(),
    ).toEqual(['aaaaaaaa1', 'bbbbbbbb1']);
    route[Symbol.dispose]();
    expect(registry.versions().map(({ digest }) => digest)).toEqual(['bbbbbbbb1']);
  });
});

describe('a mixture', () => {
  it('leases all of its adapters in one turn, also those that have not been read', async () => {
    using registry = new AdapterRegistry(new FakeArena());
    await registry.load('a', adapterOf('a1'));
    registry.announce('b', new FakeFiles('b1'));
    const router = new Router({ baseName: 'base', registry });
    const asked = [
      { model: 'a', scale: 0.5 },
      { model: 'b', scale: 2 },
    ];
    const resolving = router.resolveMixture(asked);
    await registry.replace('a', adapterOf('a2'));
    const route = await resolving;
    expect(route.leases.map(({ version }) => version.digest)).toEqual(['a2', 'b1']);
    expect(route).toMatchObject({ alias: 'a=0.5, b=2', version: 'a2=0.5, b1=2', scales: [0.5, 2] });
    route[Symbol.dispose]();
    expect(registry.list().map(({ leases }) => leases)).toEqual([0, 0]);
  });

  it('leases nothing if one of them is unknown, is the base, or cannot be served', async () => {
    using registry = new AdapterRegistry(new FakeArena());
    await registry.load('a', adapterOf('a1'));
    registry.announce('torn', new FakeFiles('torn', new Error('torn')));
    const router = new Router({ baseName: 'base', registry });
    const mixed = (model: string): Promise<unknown> =>
      router.resolveMixture([
        { model: 'a', scale: 1 },
        { model, scale: 1 },
      ]);
    await expect(mixed('other')).rejects.toMatchObject({ code: 'MODEL_NOT_FOUND' });
    await expect(mixed('base')).rejects.toMatchObject({ code: 'MODEL_NOT_FOUND' });
    await expect(mixed('a@00000000')).rejects.toMatchObject({ code: 'ADAPTER_VERSION_UNKNOWN' });
    await expect(mixed('torn')).rejects.toThrow('torn');
    expect(registry.list().map(({ leases }) => leases)).toEqual([0, 0]);
  });
});
