import { deepStrictEqual, ok } from 'node:assert/strict';
import * as fc from 'fast-check';
import { breathe, EspalierError } from '../../core/index.ts';
import { AdapterRegistry } from '../registry/adapter-registry.ts';
import type { AdapterLease } from '../registry/adapter-version.ts';
import type { AdoptedVersion } from '../registry/known-version.ts';
import { FakeArena, FakeFiles, type FakeWeights, knownOf } from './fake-arena.ts';
import { type Outcome, RegistryModel } from './registry-model.ts';

/** Small enough that every limit is met within a few steps. */
export const limits = { history: 4, memory: 4 };

const versions = ['a', 'bb', 'ccc', 'd', 'ee'] as const;
const kinds = [
  'adopt',
  'adopt',
  'point',
  'rollback',
  'unload',
  'pinName',
  'unpinName',
  'pinVersion',
  'unpinVersion',
  'drainName',
  'resumeName',
  'drainVersion',
  'resumeVersion',
  'acquire',
  'acquire',
  'release',
  'hold',
] as const;

const anyStep = fc.record({
  kind: fc.constantFrom(...kinds),
  name: fc.constantFrom('x', 'y', 'z'),
  version: fc.constantFrom(...versions),
  /** Whether the step names the version that it expects, or to which it rolls back. */
  says: fc.boolean(),
  expected: fc.constantFrom(...versions),
  pick: fc.nat(),
});
type Step = typeof anyStep extends fc.Arbitrary<infer One> ? One : never;

type Registry = AdapterRegistry<FakeWeights>;

function stored(digest: string): AdoptedVersion {
  const files = new FakeFiles(digest);
  return knownOf(files, { source: { path: digest, isImmutable: true, read: () => files.read() } });
}

async function outcomeOf(act: () => unknown): Promise<Outcome> {
  try {
    await act();
    return 'none';
  } catch (error) {
    if (EspalierError.isInstance(error)) return error.code;
    throw error;
  }
}

/** Takes the same steps in the registry and in the oracle, and compares their states after each. */
class Comparison {
  readonly arena = new FakeArena();
  readonly model = new RegistryModel(limits);
  readonly registry: Registry;
  readonly leases: AdapterLease<FakeWeights>[] = [];

  constructor(create: (arena: FakeArena) => Registry) {
    this.registry = create(this.arena);
  }

  async take(step: Step): Promise<void> {
    const { expected, actual } = await this.#both(step);
    deepStrictEqual(actual, expected, `${JSON.stringify(step)}: ${actual}, by the oracle ${expected}`);
    this.model.settle();
    this.#compare();
  }

  async #both({
    kind,
    name,
    version,
    says,
    expected: other,
    pick,
  }: Step): Promise<{ expected: Outcome; actual: Outcome }> {
    const { registry, model } = this;
    const expectedVersion = says ? other : undefined;
    const options = { expectedVersion };
    const both = async (expected: Outcome, act: () => unknown): Promise<{ expected: Outcome; actual: Outcome }> => ({
      expected,
      actual: await outcomeOf(act),
    });
    switch (kind) {
      case 'adopt':
        return both(model.adopt(name, version, expectedVersion), () => registry.adopt(name, stored(version), options));
      case 'point':
        return both(model.point(name, version, expectedVersion), () => registry.point(name, version, options));
      case 'rollback': {
        const to = says ? version : undefined;
        return both(model.rollback(name, to), () => registry.rollback(name, { to }));
      }
      case 'unload':
        return both(model.unload(name, expectedVersion), () => registry.unload(name, options));
      case 'pinName':
        return both(model.pinName(name, says), () => registry.pins.pinName(name, { keepsWeights: says }));
      case 'unpinName':
        return both(model.unpinName(name), () => registry.pins.unpinName(name));
      case 'pinVersion':
        return both(model.pinVersion(version), () => registry.pins.pinVersion(version));
      case 'unpinVersion':
        return both(model.unpinVersion(version), () => registry.pins.unpinVersion(version));
      case 'drainName':
        return both(model.drainName(name, true), () => this.#wait(registry.drains.drainName(name)));
      case 'resumeName':
        return both(model.drainName(name, false), () => registry.drains.resumeName(name));
      case 'drainVersion':
        return both(model.drainVersion(version, true), () => this.#wait(registry.drains.drainVersion(version)));
      case 'resumeVersion':
        return both(model.drainVersion(version, false), () => registry.drains.resumeVersion(version));
      case 'acquire':
        return both(model.acquire(name).outcome, () => this.leases.push(registry.acquire(name)));
      case 'release':
        return both('none', () => this.#release(pick));
      case 'hold':
        return both('none', () => this.#hold(pick));
    }
  }

  /** A drain that is refused is refused at once; otherwise it ends with the last lease. */
  async #wait(drained: Promise<boolean>): Promise<void> {
    drained.catch(() => undefined);
    await Promise.race([drained, breathe()]);
  }

  #release(pick: number): void {
    const index = pick % Math.max(1, this.leases.length);
    this.leases.splice(index, 1)[0]?.dispose();
    this.model.leases.splice(index, 1);
  }

  async #hold(pick: number): Promise<void> {
    const lease = this.leases[pick % Math.max(1, this.leases.length)];
    if (lease === undefined) return;
    using hold = await lease.hold();
    deepStrictEqual([hold.weights.digest, hold.weights.isDisposed], [lease.version.digest, false]);
  }

  #compare(): void {
    const { registry, model } = this;
    const actual = registry.list().map((info) => ({
      name: info.name,
      version: info.version,
      moves: info.history.map(({ version }) => version),
      isPinned: info.pin !== undefined,
      isDraining: info.isDraining,
      requests: info.requests,
      before: registry.versionBefore(info.name),
    }));
    const expected = [...model.names].map(([name, { version, moves, isPinned, isDraining }]) => ({
      name,
      version,
      moves: moves.map((move) => move.version),
      isPinned,
      isDraining,
      requests: model.leases.filter(({ of }) => of === model.names.get(name)).length,
      before: moves.find((move) => move.version === moves[0]?.before)?.version,
    }));
    deepStrictEqual(actual, expected);
    deepStrictEqual(new Set(registry.versions().map(({ digest }) => digest)), model.known());
    deepStrictEqual(
      this.leases.map(({ version }) => version.digest),
      model.leases.map(({ version }) => version),
    );
    const alive = new Set(this.arena.prepared.filter(({ isDisposed }) => !isDisposed).map(({ digest }) => digest));
    for (const version of model.keepers.keys()) ok(alive.has(version), `${version} is pinned and not in memory`);
  }
}

/** The property that a registry has the state of the oracle after every step, whatever the steps are. */
export function follows(create: (arena: FakeArena) => Registry): fc.IAsyncProperty<[Step[]]> {
  return fc.asyncProperty(fc.array(anyStep, { maxLength: 60, size: 'max' }), async (steps) => {
    const comparison = new Comparison(create);
    using _ = comparison.registry;
    for (const one of steps) await comparison.take(one);
    for (const lease of comparison.leases) lease.dispose();
  });
}
