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
});
