import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createRandom } from '../../core/index.ts';
import type { Adapter, ModuleWeights } from '../../lora/index.ts';
import { tensorOf } from '../../tensor/index.ts';
import type { AdapterArena, HostWeights } from '../registry/adapter-arena.ts';
import { AdapterRegistry } from '../registry/adapter-registry.ts';
import type { AdapterLease } from '../registry/adapter-version.ts';

/** The modules that an arena under test must serve, and no others. */
export const arenaModules = [
  { path: 'one', in: 3, out: 4 },
  { path: 'two', in: 4, out: 2 },
];

/** An arena with what a test needs to see of it. */
export interface ArenaUnderTest<Weights extends HostWeights> {
  readonly arena: AdapterArena<Weights>;
  /** What a run with this adapter reads of `one`: A row by row, then B as it is multiplied with. */
  read(lease: AdapterLease<Weights>): Promise<readonly number[]>;
  dispose(): Promise<void>;
}

function moduleOf(rank: number, { in: width, out }: { in: number; out: number }, seed: number): ModuleWeights {
  const random = createRandom(seed, 'module');
  const numbers = (count: number): Float32Array => Float32Array.from({ length: count }, () => random.normal());
  return {
    rank,
    scaling: 2,
    a: tensorOf('float32', [rank, width], numbers(rank * width)),
    b: tensorOf('float32', [out, rank], numbers(out * rank)),
  };
}

function adapterOf(digest: string, modules: Readonly<Record<string, ModuleWeights>>): Adapter {
  const config = { rank: 2, alpha: 4, dropout: 0, targetModules: Object.keys(modules) };
  return { config, modules: new Map(Object.entries(modules)), digest, baseName: undefined };
}

const [one, two] = [arenaModules[0] ?? { in: 0, out: 0 }, arenaModules[1] ?? { in: 0, out: 0 }];
const fitting = (digest: string, seed: number): Adapter =>
  adapterOf(digest, { one: moduleOf(2, one, seed), two: moduleOf(1, two, seed) });

/** What every arena of adapters must do, whatever its layout. */
export function describeAdapterArena<Weights extends HostWeights>(
  name: string,
  open: () => ArenaUnderTest<Weights>,
): void {
  describe(`the arena of ${name}`, () => {
    let tested: ArenaUnderTest<Weights>;
    let registry: AdapterRegistry<Weights>;
    beforeEach(() => {
      tested = open();
      registry = new AdapterRegistry(tested.arena, { memory: 2 ** 20 });
    });
    afterEach(async () => {
      registry.dispose();
      await tested.dispose();
    });

    it('refuses what it does not serve, and what has other shapes', () => {
      const { arena } = tested;
      const strange = adapterOf('strange', { three: moduleOf(1, one, 1) });
      expect(() => arena.check('x', strange)).toThrow(expect.objectContaining({ code: 'ADAPTER_TARGET_NOT_SERVED' }));
      const misshapen = adapterOf('misshapen', { one: moduleOf(1, two, 1) });
      expect(() => arena.check('x', misshapen)).toThrow(expect.objectContaining({ code: 'SHAPE_MISMATCH' }));
    });

    it('says beforehand what an adapter takes in memory', async () => {
      const facts = tested.arena.check('x', fitting('v', 1));
      const weights = await tested.arena.prepare('x', fitting('v', 1));
      // 2 rows of 3 and 4, 1 row of 4 and 2, of four bytes; memory plans may round up.
      expect([facts.rank, facts.isAlone, facts.bytes]).toEqual([2, false, 4 * (2 * 7 + 6)]);
      expect(weights.bytes).toBeGreaterThanOrEqual(facts.bytes);
      weights.dispose();
      weights.dispose();
    });

    it('lets runs read the adapter that was leased, also after its name has moved', async () => {
      await registry.load('name', fitting('first', 1));
      using lease = registry.acquire('name');
      const before = await tested.read(lease);
      await registry.replace('name', fitting('second', 2));
      using next = registry.acquire('name');
      expect(await tested.read(lease)).toEqual(before);
      expect(await tested.read(next)).not.toEqual(before);
    });

    it('gives the same weights again after they were dropped and read anew', async () => {
      const adapter = fitting('v', 3);
      await registry.load('kept', adapter);
      using own = registry.acquire('kept');
      const expected = await tested.read(own);
      using tight = new AdapterRegistry(tested.arena, { memory: 0 });
      await tight.load('dropped', adapter);
      using lease = tight.acquire('dropped');
      expect(await tested.read(lease)).toEqual(expected);
    });

    it('forgets a version that it never had', () => {
      expect(() => tested.arena.forget('unknown')).not.toThrow();
    });
  });
}
