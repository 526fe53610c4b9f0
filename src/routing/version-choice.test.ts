import { beforeEach, describe, expect, it } from 'vitest';
import { BreakerTable } from './breaker/breaker-table.ts';
import type { Fallback } from './breaker/fallback.ts';
import { AdapterRegistry } from './registry/adapter-registry.ts';
import { RolloutRunner } from './rollout/rollout-runner.ts';
import { Router } from './router.ts';
import { adapterOf, FakeArena, FakeFiles, type FakeWeights } from './testing/fake-arena.ts';
import { storedVersion } from './testing/fake-store.ts';
import { VersionChoice } from './version-choice.ts';

let now: number;
let fallback: Fallback;
let registry: AdapterRegistry<FakeWeights>;
let runner: RolloutRunner;
let router: Router<FakeWeights>;

beforeEach(() => {
  now = 0;
  fallback = 'previous';
  const clock = { now: () => now };
  registry = new AdapterRegistry(new FakeArena(), { memory: 100 });
  runner = new RolloutRunner({
    breakers: new BreakerTable(),
    save: async () => undefined,
    promote: async () => undefined,
    quarantine: async () => undefined,
    clock,
  });
  const versions = new VersionChoice({ registry, runner, fallbackOf: () => fallback, clock });
  router = new Router({ baseName: 'base', registry, versions });
});

/** Calls until the breaker of the version to which the name points is open. */
async function trip(name = 'a'): Promise<void> {
  for (let i = 0; i < 10; i++) {
    using route = await router.resolve(name);
    route.call?.end({ outcome: 'failure' });
  }
}

const knownDigests = (): readonly string[] => registry.versions().map(({ digest }) => digest);

async function twoVersions(): Promise<void> {
  await registry.adopt('a', storedVersion('v1'));
  await registry.adopt('a', storedVersion('v2'));
}

describe('a router with breakers', () => {
  it('takes the version to which the name points', async () => {
    await twoVersions();
    using route = await router.resolve('a');
    expect([route.version, route.fallback, route.rollout]).toEqual(['v2', undefined, undefined]);
  });

  it('falls back to the version before, and says so, while the breaker is open', async () => {
    await twoVersions();
    await trip();
    using route = await router.resolve('a');
    expect([route.alias, route.version]).toEqual(['a', 'v1']);
    expect(route.fallback).toEqual({ from: 'v2', to: 'v1', reason: 'breaker open' });
    expect(route.leases[0]?.alias).toBe('a');
  });

  it('keeps the version to which it falls back until the name moves', async () => {
    await twoVersions();
    await trip();
    for (let i = 0; i < 3; i++) (await router.resolve('a'))[Symbol.dispose]();
    expect(knownDigests().toSorted()).toEqual(['v1', 'v2']);
    await registry.adopt('a', storedVersion('v3'));
    expect(knownDigests()).toEqual(['v3']);
  });

  it('forgets that version with the name', async () => {
    await twoVersions();
    await trip();
    (await router.resolve('a'))[Symbol.dispose]();
    await registry.unload('a');
    expect(knownDigests()).toEqual([]);
  });

  it('says when to try again where there is no version before, or it cannot be read any more', async () => {
    await registry.adopt('a', storedVersion('v1'));
    await trip();
    const details = { name: 'a', retryAfterSeconds: 30 };
    await expect(router.resolve('a')).rejects.toMatchObject({ code: 'BREAKER_OPEN', details });
    const files = new FakeFiles('folder', 'w1');
    await registry.load('b', files);
    files.content = 'w2';
    await registry.replace('b', files);
    await trip('b');
    await expect(router.resolve('b')).rejects.toMatchObject({
      code: 'BREAKER_OPEN',
      cause: { code: 'ADAPTER_SOURCE_CHANGED' },
    });
    expect(registry.info('b').leases).toBe(0);
  });

  it('takes the base if that was declared', async () => {
    fallback = 'base';
    await twoVersions();
    await trip();
    using route = await router.resolve('a');
    const declared = { from: 'v2', to: undefined, reason: 'breaker open' };
    expect(route).toMatchObject({ alias: 'a', version: undefined, leases: [], fallback: declared });
    expect(registry.info('a').leases).toBe(0);
  });

  it('takes nobody if that was declared', async () => {
    fallback = 'error';
    await twoVersions();
    await trip();
    await expect(router.resolve('a')).rejects.toMatchObject({ code: 'BREAKER_OPEN' });
    expect(registry.info('a').leases).toBe(0);
  });

  it('gives the place of a probe back with the route', async () => {
    await twoVersions();
    await trip();
    now += 30_000;
    const probe = await router.resolve('a');
    using other = await router.resolve('a');
    expect([probe.version, other.version]).toEqual(['v2', 'v1']);
    probe[Symbol.dispose]();
    using next = await router.resolve('a');
    expect(next.version).toBe('v2');
  });

  it('answers a failed call by the version before, once, if nothing was sent', async () => {
    await twoVersions();
    using route = await router.resolve('a');
    route.call?.end({ outcome: 'failure' });
    expect(await route.fallBack?.(true)).toBeUndefined();
    using next = await route.fallBack?.(false);
    expect(next).toMatchObject({ version: 'v1', fallback: { from: 'v2', to: 'v1', reason: 'call failed' } });
    next?.call?.end({ outcome: 'failure' });
    expect(await next?.fallBack?.(false)).toBeUndefined();
  });

  it('reads an adapter that was only announced', async () => {
    registry.announce('a', new FakeFiles('v1'));
    using route = await router.resolve('a');
    expect(route.version).toBe('v1');
  });
});

describe('a router with a roll-out', () => {
  const steps = [{ share: 0.5 }, { share: 1 }];
  const subject = { id: 'r', alias: 'a', stable: 'v2', candidate: 'new' };

  async function started(): Promise<void> {
    await twoVersions();
    await registry.held.hold('a', storedVersion('new'));
    await runner.start(subject, { steps });
  }

  it('leases exactly the version that the roll-out assigned, and says its side', async () => {
    await started();
    const seen = new Set<string>();
    for (let i = 0; i < 40; i++) {
      using route = await router.resolve('a', `user ${i}`);
      expect(route.leases[0]?.version.digest).toBe(route.version);
      seen.add(`${route.version} ${route.rollout?.side} ${route.rollout?.id}`);
    }
    expect([...seen].toSorted()).toEqual(['new candidate r', 'v2 stable r']);
  });

  it('answers a failed call of the candidate by the stable version, even of a name that is drained meanwhile', async () => {
    await started();
    for (let i = 0; i < 40; i++) {
      using route = await router.resolve('a', `user ${i}`);
      if (route.rollout?.side !== 'candidate') continue;
      void registry.drains.drainName('a');
      route.call?.end({ outcome: 'failure' });
      using next = await route.fallBack?.(false);
      expect(next).toMatchObject({ version: 'v2', fallback: { from: 'new', to: 'v2', reason: 'call failed' } });
      return;
    }
    throw new Error('No request was assigned to the candidate');
  });

  it('has the stable version answer where the candidate cannot be leased, and tells it', async () => {
    await started();
    registry.held.release('a', 'new');
    const seen = new Set<string | undefined>();
    for (let i = 0; i < 40; i++) {
      using route = await router.resolve('a', `user ${i}`);
      route.call?.end({ outcome: 'success', latencyMs: 1 });
      seen.add(route.version);
    }
    expect([...seen]).toEqual(['v2']);
    expect(runner.status('a').phase.kind).toBe('failed');
    expect(registry.info('a').leases).toBe(0);
  });

  it('reads a version to which many fall back once', async () => {
    const files = new FakeFiles('v1');
    await registry.load('a', files);
    await registry.replace('a', adapterOf('v2'));
    await trip();
    const reads = files.reads;
    const routes = await Promise.all(Array.from({ length: 5 }, () => router.resolve('a')));
    expect(routes.map(({ version }) => version)).toEqual(Array.from({ length: 5 }, () => 'v1'));
    expect(files.reads).toBe(reads + 1);
    for (const route of routes) route[Symbol.dispose]();
  });

  it('keeps the candidate until it is released', async () => {
    await started();
    registry.held.release('a', 'new');
    expect(knownDigests()).toEqual(['v2']);
    expect(() => registry.held.acquire('a', 'new')).toThrow(
      expect.objectContaining({ code: 'ADAPTER_VERSION_UNKNOWN' }),
    );
  });

  it('keeps a version as often as it was asked for', async () => {
    await registry.load('a', adapterOf('v1'));
    await registry.load('b', adapterOf('w'));
    await Promise.all([registry.held.hold('a', 'w'), registry.held.hold('a', 'w')]);
    await registry.unload('b');
    registry.held.release('a', 'w');
    expect(registry.held.has('a', 'w')).toBe(true);
    registry.held.release('a', 'w');
    expect(knownDigests()).toEqual(['v1']);
    await expect(registry.held.hold('a', 'w')).rejects.toMatchObject({ code: 'ADAPTER_VERSION_UNKNOWN' });
  });
});
