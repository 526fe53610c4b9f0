import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type AdapterEvent, onAdapterEvent } from '../../core/index.ts';
import { adapterOf, FakeArena, type FakeWeights } from '../testing/fake-arena.ts';
import { AdapterRegistry } from './adapter-registry.ts';
import { LeaseCount } from './lease-count.ts';
import { LeaseWatch } from './lease-watch.ts';
import { VersionRecord } from './adapter-version.ts';

const leaseLimitMs = 1000;
let now: number;
let registry: AdapterRegistry<FakeWeights>;
let told: AdapterEvent[];
let listening: Disposable;

beforeEach(async () => {
  now = 0;
  told = [];
  listening = onAdapterEvent((event) => void (event.event === 'lease' && told.push(event)));
  registry = new AdapterRegistry(new FakeArena(), { memory: 100, clock: { now: () => now }, leaseLimitMs });
  await registry.load('policy', adapterOf('v1'));
});
afterEach(() => {
  listening[Symbol.dispose]();
  registry.dispose();
});

/** Lets time pass, as the owner of the registry does: it looks once a second. */
function pass(ms: number): void {
  for (const end = now + ms; now < end;) {
    now = Math.min(now + 100, end);
    registry.tellOverdueLeases();
  }
}

const facts = (): readonly unknown[] =>
  told.map(({ name, version, result, reason, details }) => [name, version, result, reason, details]);

describe('leases of a version that lost its name', () => {
  it('are told of once, with their number and the age of the oldest, and when they are returned', async () => {
    const [first, second] = [registry.acquire('policy'), registry.acquire('policy')];
    pass(300);
    await registry.replace('policy', adapterOf('v2'));
    pass(1000);
    expect(facts()).toEqual([]);
    pass(5000);
    const reason = 'the version takes no new requests and is still in use';
    expect(facts()).toEqual([['policy', 'v1', 'failed', reason, { leases: 2, oldestMs: 1400 }]]);
    second.dispose();
    first.dispose();
    expect(told.slice(1).map(({ result, details }) => [result, details?.['oldestMs']])).toEqual([
      ['done', 6300],
      ['done', 6300],
    ]);
  });

  it('are no anomaly if they end in time, or if the name returns to the version', async () => {
    const [first, second] = [registry.acquire('policy'), registry.acquire('policy')];
    await registry.replace('policy', adapterOf('v2'));
    pass(900);
    first.dispose();
    await registry.rollback('policy');
    pass(900);
    second.dispose();
    expect(facts()).toEqual([]);
  });
});

it('tells of the requests of a drained name that do not end', async () => {
  const lease = registry.acquire('policy');
  await registry.load('other', adapterOf('v1'));
  const other = registry.acquire('other');
  const drained = registry.drains.drainName('policy');
  pass(1200);
  expect(told.map(({ name, reason }) => [name, reason])).toEqual([
    ['policy', 'the name is drained and is still in use'],
  ]);
  lease.dispose();
  expect(await drained).toBe(true);
  other.dispose();
});

it('tells of a share that a caller lost while the version serves on, after six times as long', () => {
  registry.acquire('policy').share();
  using _ = registry.acquire('policy');
  pass(5900);
  expect(facts()).toEqual([]);
  now += 50;
  const fresh = registry.acquire('policy');
  pass(100);
  expect(told.map(({ reason, details }) => [reason, details?.['leases']])).toEqual([
    ['a request has used the version for very long', 3],
  ]);
  fresh.dispose();
});

it('tells of a lease that is returned twice, and does not count it', () => {
  const watch = new LeaseWatch({ clock: { now: () => now } });
  const own = { digest: 'v1', base: undefined, fingerprint: undefined, rank: 1, bytes: 1, isAlone: false };
  const version = new VersionRecord({ ...own, sources: [], created: 0 });
  const end = watch.begin('policy', version, new LeaseCount());
  watch.begin('policy', version, new LeaseCount());
  end();
  end();
  expect(version.leases).toBe(1);
  expect(facts()).toEqual([['policy', 'v1', 'failed', 'a lease was returned twice', { leases: 1, oldestMs: 0 }]]);
});
