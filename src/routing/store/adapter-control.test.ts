import { beforeEach, describe, expect, it } from 'vitest';
import { EspalierError, onAdapterEvent } from '../../core/index.ts';
import { AdapterRegistry } from '../registry/adapter-registry.ts';
import { FakeArena, type FakeWeights } from '../testing/fake-arena.ts';
import { FakeStore, storedVersion } from '../testing/fake-store.ts';
import { type AdapterControl, createAdapterControl } from './adapter-control.ts';

let registry: AdapterRegistry<FakeWeights>;
let store: FakeStore;
let control: AdapterControl;
beforeEach(async () => {
  registry = new AdapterRegistry(new FakeArena(), { memory: 100 });
  store = new FakeStore(['a', 'b', 'c']);
  control = createAdapterControl({ registry, baseName: 'base', store });
  await control.move('policy', 'a', {});
  await control.move('policy', 'b', { expectedVersion: 'a' });
});

describe('the control of adapters', () => {
  it('moves names to versions of the store, and the store remembers each move', async () => {
    expect([registry.info('policy').version, store.names.get('policy')]).toEqual(['b', 'b']);
    await control.rollback('policy', {});
    expect([registry.info('policy').version, store.names.get('policy')]).toEqual(['a', 'a']);
    await control.remove('policy', {});
    expect([registry.has('policy'), store.names.size]).toEqual([false, 0]);
  });

  it('takes a change back that the store does not remember', async () => {
    store.failure = new Error('disk full');
    await expect(control.move('policy', 'c', {})).rejects.toThrow('disk full');
    await expect(control.rollback('policy', {})).rejects.toThrow('disk full');
    await expect(control.remove('policy', {})).rejects.toThrow('disk full');
    await expect(control.move('new', 'c', {})).rejects.toThrow('disk full');
    expect(registry.list().map(({ name, version }) => [name, version])).toEqual([['policy', 'b']]);
    expect(store.names).toEqual(new Map([['policy', 'b']]));
  });

  it('leaves a change that came in between', async () => {
    store.remember = async (name) => {
      await registry.adopt(name, storedVersion('other'));
      throw new Error('disk full');
    };
    await expect(control.rollback('policy', {})).rejects.toThrow('disk full');
    expect(registry.info('policy').history.map(({ version }) => version)).toEqual(['other', 'a', 'b', 'a']);
  });

  it('never serves a version in quarantine, not even for a moment', async () => {
    const seen: unknown[] = [];
    using _ = onAdapterEvent((event) => void seen.push(event));
    store.assertFree = (name, version) =>
      version === 'b' ? Promise.resolve() : Promise.reject(new EspalierError('ADAPTERS_OFF', { name }));
    await expect(control.rollback('policy', {})).rejects.toMatchObject({ code: 'ADAPTERS_OFF' });
    await expect(control.move('policy', 'c', {})).rejects.toMatchObject({ code: 'ADAPTERS_OFF' });
    expect([registry.info('policy').version, seen]).toEqual(['b', []]);
  });

  it('goes back to versions of earlier processes, and shows their moves', async () => {
    const moves = ['b', 'a', 'c', 'z'].map((digest, i) => ({
      known: storedVersion(digest),
      time: 100 - i,
      actor: 'store',
    }));
    const ofEarlier = { time: Date.now() + 10_000, actor: 'store' };
    store.history = async () => [{ known: storedVersion('b'), ...ofEarlier }, ...moves];
    await registry.adopt('started', storedVersion('b'));
    const seen = async (): Promise<string[]> =>
      (await control.describe('started')).history.map(({ version }) => version);
    expect(await seen()).toEqual(['b', 'a', 'c', 'z']);
    await control.rollback('started', {});
    await control.rollback('started', {});
    expect([await seen(), store.names.get('started')]).toEqual([['c', 'a', 'b', 'a', 'c', 'z'], 'c']);
    await control.rollback('started', { to: 'z' });
    await expect(control.rollback('started', {})).rejects.toMatchObject({ code: 'ADAPTER_NO_EARLIER_VERSION' });
  });

  it('knows without a store only what something uses', async () => {
    control = createAdapterControl({ registry, baseName: 'base' });
    await control.rollback('policy', {});
    await expect(control.move('policy', 'c', {})).rejects.toMatchObject({ code: 'ADAPTER_VERSION_UNKNOWN' });
    expect(() => control.staging()).toThrow('the server was started without store');
  });

  it.each(['', '..', 'a b', '/a', 'a//b', 'x'.repeat(129), 'base'])('gives no adapter the name %j', async (name) => {
    await expect(control.move(name, 'a', {})).rejects.toMatchObject({ code: 'REQUEST_INVALID' });
  });
});
