import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { AdapterRegistry, type AdapterEvent, type AdapterStore } from './adapter-registry.ts';
import { breathe, EspalierError, type ErrorCode } from '../../core/index.ts';
import type { Adapter } from '../../lora/index.ts';
import { RankAllocator, type RankRows } from '../../engine/adapters/rank-allocator.ts';

/** Weights that a store double never looks into: their content is their name, and their rank its length. */
function weightsOf(digest: string): Adapter {
  return {
    config: { rank: digest.length, alpha: 1, dropout: 0, targetModules: [] },
    modules: new Map(),
    baseName: undefined,
    digest,
  };
}

/** Keeps in each row the version that was written there. */
class StoreDouble implements AdapterStore<RankRows> {
  readonly rows: (string | undefined)[];
  readonly allocator: RankAllocator;
  writes = 0;
  failure: Error | undefined;

  constructor(total = 32) {
    this.allocator = new RankAllocator(total);
    this.rows = Array.from({ length: total });
  }

  check(_name: string, weights: Adapter): number {
    return weights.digest.length;
  }

  reserve(name: string, needed: number): RankRows {
    const rows = this.allocator.reserve(needed);
    const { longestFree: free, total } = this.allocator;
    if (!rows) throw new EspalierError('ADAPTER_CAPACITY', { name, needed, free, total });
    return rows;
  }

  async write(_name: string, rows: RankRows, weights: Adapter): Promise<void> {
    this.writes++;
    await breathe();
    if (this.failure) throw this.failure;
    this.rows.fill(weights.digest, rows.start, rows.end);
  }

  release(rows: RankRows): void {
    this.rows.fill(undefined, rows.start, rows.end);
    this.allocator.release(rows);
  }
}

async function codeOf(promise: Promise<unknown>): Promise<ErrorCode | 'none' | 'other'> {
  try {
    await promise;
    return 'none';
  } catch (error) {
    return error instanceof EspalierError ? error.code : 'other';
  }
}

describe('AdapterRegistry', () => {
  it('answers an unknown name with what is loaded and what was probably meant', async () => {
    const registry = new AdapterRegistry(new StoreDouble());
    await registry.load('risk-strict', weightsOf('a'));
    expect(() => registry.acquire('risk-strct')).toThrow(
      'No adapter named risk-strct is loaded. Did you mean risk-strict? Loaded: risk-strict.',
    );
  });

  it('keeps the replaced version until its last lease ends, and gives new requests the new one', async () => {
    const store = new StoreDouble();
    const registry = new AdapterRegistry(store);
    await registry.load('policy', weightsOf('old'));
    const [first, second] = [registry.acquire('policy'), registry.acquire('policy')];
    await registry.replace('policy', weightsOf('new'));
    using third = registry.acquire('policy');
    expect([first.version.id, third.version.id]).toEqual(['old', 'new']);
    first.dispose();
    first.dispose();
    expect(store.rows.slice(first.version.place.start, first.version.place.end)).toEqual(['old', 'old', 'old']);
    second.dispose();
    expect(registry.resident().map(({ id }) => id)).toEqual(['new']);
    expect(store.allocator.used).toBe(3);
  });

  it('lets a request end on an unloaded adapter, and refuses the next one', async () => {
    const store = new StoreDouble();
    const registry = new AdapterRegistry(store);
    await registry.load('policy', weightsOf('v'));
    const lease = registry.acquire('policy');
    await registry.unload('policy');
    expect(() => registry.acquire('policy')).toThrow(/Loaded: none/);
    expect(store.allocator.used).toBe(1);
    lease.dispose();
    expect(store.allocator.used).toBe(0);
  });

  it('writes the same content once, under however many names', async () => {
    const store = new StoreDouble();
    const registry = new AdapterRegistry(store);
    await Promise.all([registry.load('a', weightsOf('same')), registry.load('b', weightsOf('same'))]);
    await registry.replace('a', weightsOf('same'));
    expect([store.writes, store.allocator.used]).toEqual([1, 4]);
    await registry.unload('a');
    expect(store.allocator.used).toBe(4);
    await registry.unload('b');
    expect(store.allocator.used).toBe(0);
  });

  it('refuses to load over a name, to move a name that is elsewhere, and to replace what is not there', async () => {
    const registry = new AdapterRegistry(new StoreDouble());
    await registry.load('policy', weightsOf('v1'));
    expect(await codeOf(registry.load('policy', weightsOf('v2')))).toBe('ADAPTER_EXISTS');
    const stale = { expectedVersion: 'v0' };
    expect(await codeOf(registry.replace('policy', weightsOf('v2'), stale))).toBe('ADAPTER_VERSION_CONFLICT');
    expect(await codeOf(registry.unload('policy', stale))).toBe('ADAPTER_VERSION_CONFLICT');
    expect(await codeOf(registry.replace('other', weightsOf('v2')))).toBe('ADAPTER_NOT_FOUND');
    expect(registry.list()).toEqual([{ name: 'policy', version: 'v1', rank: 2, leases: 0 }]);
  });

  it('leaves the old version serving when there is no room for the new one, or when writing it fails', async () => {
    const store = new StoreDouble(8);
    const registry = new AdapterRegistry(store);
    await registry.load('policy', weightsOf('1234'));
    expect(await codeOf(registry.replace('policy', weightsOf('12345')))).toBe('ADAPTER_CAPACITY');
    store.failure = new Error('torn');
    expect(await codeOf(registry.replace('policy', weightsOf('xyz')))).toBe('other');
    using lease = registry.acquire('policy');
    expect(lease.version.id).toBe('1234');
    expect([store.allocator.used, registry.resident().length]).toEqual([4, 1]);
  });

  it('lets one of many racing moves from the same version win', async () => {
    const registry = new AdapterRegistry(new StoreDouble(200));
    await registry.load('policy', weightsOf('start'));
    const moves = Array.from({ length: 20 }, (_, i) =>
      codeOf(registry.replace('policy', weightsOf(`v${i}`), { expectedVersion: 'start' })),
    );
    const results = await Promise.all(moves);
    expect(results.filter((code) => code === 'none')).toHaveLength(1);
    expect(results.filter((code) => code === 'ADAPTER_VERSION_CONFLICT')).toHaveLength(19);
    expect(registry.list()[0]?.version).toBe('v0');
  });
});

describe('the channel espalier:adapter', () => {
  const seen: unknown[] = [];
  const listen = (message: unknown): void => void seen.push(message);
  beforeEach(() => subscribe('espalier:adapter', listen));
  afterEach(() => {
    unsubscribe('espalier:adapter', listen);
    seen.length = 0;
  });

  it('tells what happened, in order', async () => {
    const registry = new AdapterRegistry(new StoreDouble());
    await registry.load('policy', weightsOf('v1'));
    const lease = registry.acquire('policy');
    await registry.replace('policy', weightsOf('v2'));
    await registry.unload('policy');
    lease.dispose();
    expect(seen).toEqual([
      { event: 'load', name: 'policy', version: 'v1' },
      { event: 'replace', name: 'policy', version: 'v2', previous: 'v1' },
      { event: 'unload', name: 'policy', version: 'v2' },
      { event: 'retire', version: 'v2' },
      { event: 'retire', version: 'v1' },
    ] satisfies AdapterEvent[]);
  });
});

describe('the registry, through any order of loads, replacements, unloads and leases', () => {
  const version = fc.constantFrom('a', 'bb', 'ccc', 'dd', 'e');
  const name = fc.constantFrom('x', 'y', 'z');
  const step = fc.record({
    kind: fc.constantFrom('load', 'replace', 'unload', 'acquire', 'release', 'wait'),
    name,
    version,
    pick: fc.nat(),
  });

  it('never lets a leased version lose its rows, and ends with every row given back', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60, size: 'max' }), async (steps) => {
        const store = new StoreDouble(10);
        const registry = new AdapterRegistry(store);
        const leases: ReturnType<AdapterRegistry<RankRows>['acquire']>[] = [];
        const pending: Promise<unknown>[] = [];
        for (const { kind, name: target, version: id, pick } of steps) {
          if (kind === 'load') pending.push(codeOf(registry.load(target, weightsOf(id))));
          if (kind === 'replace') pending.push(codeOf(registry.replace(target, weightsOf(id))));
          if (kind === 'unload') pending.push(codeOf(registry.unload(target)));
          if (kind === 'acquire' && registry.has(target)) leases.push(registry.acquire(target));
          if (kind === 'release') leases.splice(pick % Math.max(1, leases.length), 1)[0]?.dispose();
          if (kind === 'wait') await breathe();
          for (const { version: leased } of leases) {
            expect(store.rows.slice(leased.place.start, leased.place.end).every((row) => row === leased.id)).toBe(true);
          }
        }
        const codes = await Promise.all(pending);
        expect(codes).not.toContain('other');
        for (const lease of leases) lease.dispose();
        for (const { name: left } of registry.list()) await registry.unload(left);
        expect(store.allocator.used).toBe(0);
      }),
    );
  });
});
