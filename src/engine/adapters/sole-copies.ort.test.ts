import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { breathe, createRandom, Pace, type Random } from '../../core/index.ts';
import type { Adapter, ModuleWeights } from '../../lora/index.ts';
import { NativeMemory } from '../../native/index.ts';
import { pageAllocator } from '../../native/pages.ts';
import { AdapterRegistry, type AdapterLease } from '../../routing/index.ts';
import { tensorOf, toFloat32 } from '../../tensor/index.ts';
import { assertNothingAlive } from '../testing/assert-nothing-alive.ts';
import { AdapterStack } from './adapter-stack.ts';
import { EngineArena } from './engine-arena.ts';
import { prepareAdapter, type PrepareAdapterOptions } from './prepare-adapter.ts';
import type { PreparedAdapter } from './prepared-adapter.ts';
import type { RankRows } from './rank-rows.ts';
import type { SequenceAdapters } from './sequence-adapters.ts';

/** `bytes` is kept as bytes, `floats` has gains. Each block of A is a page, so that discarded rows lose their values. */
const modules = [
  { path: 'bytes', in: 256, out: 48 },
  { path: 'floats', in: 1024, out: 8 },
];
const unit = 16;
const prepared = { bytePaths: new Set(['bytes']), unit } satisfies PrepareAdapterOptions;

/** An adapter of some of the modules, fixed by its number. Every third one has gains, every fourth a bias. */
function adapterOf(content: number): Adapter {
  const random = createRandom(content, 'content');
  const numbers = (count: number): Float32Array => Float32Array.from({ length: count }, () => random.uniform() - 0.5);
  const own = modules.filter((_, place) => content % 5 !== place);
  const weights = own.map(({ path, in: width, out }): readonly [string, ModuleWeights] => {
    const rank = 1 + random.integer(content % 7 === 0 ? 20 : 4);
    const module = {
      rank,
      scaling: 2,
      a: tensorOf('float32', [rank, width], numbers(rank * width)),
      b: tensorOf('float32', [out, rank], numbers(out * rank)),
      ...(path === 'floats' && content % 3 === 0 && { magnitude: tensorOf('float32', [out], numbers(out)) }),
      ...(content % 4 === 0 && { bias: tensorOf('float32', [out], numbers(out)) }),
    };
    return [path, module];
  });
  const config = { rank: 1, alpha: 2, dropout: 0, targetModules: own.map(({ path }) => path) };
  return { config, modules: new Map(weights), digest: `${content}`, baseName: undefined };
}

/** Magnitudes as they are, for gains. */
function gainsOf({ modules: own }: Adapter): Promise<ReadonlyMap<string, Float32Array>> {
  const gains = [...own].flatMap(([path, { magnitude }]) => {
    return magnitude ? [[path, toFloat32(magnitude)] as const] : [];
  });
  return Promise.resolve(new Map(gains));
}

/** Copies begin late, so that whoever does not wait for them reads or writes too early. */
class LateStack extends AdapterStack {
  readonly #random: Random = createRandom(1, 'late');

  override async write(...words: Parameters<AdapterStack['write']>): Promise<void> {
    await this.#wait();
    await super.write(...words);
  }

  override async read(...words: Parameters<AdapterStack['read']>): Promise<void> {
    await this.#wait();
    await super.read(...words);
  }

  override async copy(...words: Parameters<AdapterStack['copy']>): Promise<void> {
    await this.#wait();
    await super.copy(...words);
  }

  async #wait(): Promise<void> {
    for (let turns = this.#random.integer(6); turns > 0; turns--) await breathe();
  }
}

/** Ways back do not begin while it is closed. */
class GatedStack extends AdapterStack {
  isOpen = false;

  override async read(...words: Parameters<AdapterStack['read']>): Promise<void> {
    while (!this.isOpen) await breathe();
    await super.read(...words);
  }
}

interface World extends AsyncDisposable {
  readonly stack: AdapterStack;
  readonly arena: EngineArena;
  readonly registry: AdapterRegistry<PreparedAdapter>;
}

const shape = {
  hasGain: (path: string) => path === 'floats',
  hasBias: () => true,
  isBytes: (path: string) => path === 'bytes',
};

function open({
  memory = 2 ** 30,
  rows = 6 * unit,
  keptRows = 3 * unit,
  Stack = LateStack,
}: { memory?: number; rows?: number; keptRows?: number; Stack?: typeof AdapterStack } = {}): World {
  const stack = new Stack(modules, { rows, ...shape });
  const served = { modules: new Map(modules.map((module) => [module.path, module])), biases: true, maxRank: 32 };
  const gains = { problems: new Map<string, string>(), read: gainsOf };
  const arena = new EngineArena({ stack, ...served, gains, keptRows });
  const registry = new AdapterRegistry(arena, { memory });
  const close = async (): Promise<void> => {
    await arena.dispose();
    registry.dispose();
  };
  return { stack, arena, registry, [Symbol.asyncDispose]: close };
}

/** All values of some rows, as text of their bytes. */
function bitsOf({ modules: own, unit: block }: AdapterStack, { start, end }: RankRows): string {
  const bits = own.flatMap(({ in: width, out, loraA, loraB, loraScale, loraGain, loraBias }) => {
    const size = loraScale ? 1 : 4;
    const arrays = [
      [loraA, width * size],
      [loraB, out * size],
      [loraScale, 4],
      [loraGain, out * 4],
      [loraBias, out * 4],
    ] as const;
    return arrays.flatMap(([array, row]) => {
      return array === undefined ? [] : [Buffer.from(array.bytes(start * row, (end - start) * row)).toString('latin1')];
    });
  });
  return `${block}:${bits.join('|')}`;
}

/** What the rows of each content must hold, by content and by number of rows. */
const expected = new Map<string, Promise<string>>();

function expectedOf(content: number, rows: number): Promise<string> {
  const key = `${content} ${rows}`;
  const known = expected.get(key) ?? computeExpected(content, rows);
  expected.set(key, known);
  return known;
}

async function computeExpected(content: number, rows: number): Promise<string> {
  const adapter = adapterOf(content);
  const stack = new AdapterStack(modules, { rows, ...shape });
  const weights = await prepareAdapter('x', adapter, { ...prepared, gains: await gainsOf(adapter) });
  const own = { start: unit, end: unit + rows };
  await stack.write(own, weights, new Pace());
  const bits = bitsOf(stack, own);
  weights.dispose();
  stack.dispose();
  return bits;
}

async function assertExact({ stack }: World, claim: SequenceAdapters): Promise<void> {
  for (const [place, { rows }] of claim.applied.entries()) {
    const found = bitsOf(stack, rows);
    const content = Number(claim.named[place]?.version);
    if (found !== (await expectedOf(content, rows.end - rows.start)))
      throw new Error(`other weights than those of ${content}`);
  }
}

async function used(world: World, name: string): Promise<void> {
  using lease = world.registry.acquire(name);
  const claim = world.arena.claim([{ lease }]);
  await claim.activate();
  await assertExact(world, claim);
  claim.release();
}

const step = fc.record({
  kind: fc.constantFrom('claim', 'claim', 'release', 'settle', 'replace', 'wait'),
  pick: fc.nat(),
  names: fc.uniqueArray(fc.nat({ max: 5 }), { minLength: 1, maxLength: 2 }),
});

/** Claims, releases, moves and replaces at random, and compares the rows of each active claim after each step, bit for bit. */
async function runHistory(
  world: World,
  steps: readonly { kind: string; pick: number; names: readonly number[] }[],
): Promise<void> {
  const { arena, registry } = world;
  for (let name = 0; name < 6; name++) await registry.load(`${name}`, adapterOf(name));
  const claims: SequenceAdapters[] = [];
  const activations: Promise<void>[] = [];
  for (const { kind, pick, names } of steps) {
    if (kind === 'claim') {
      const leases: AdapterLease<PreparedAdapter>[] = names.map((name) => registry.acquire(`${name}`));
      const claim = arena.claim(leases.map((lease) => ({ lease })));
      for (const lease of leases) lease.dispose();
      claims.push(claim);
      const activation = claim.activate();
      // A claim that was released meanwhile may ask for a version that is gone.
      activations.push(activation.catch((error: unknown) => assert(!claims.includes(claim), String(error))));
    }
    if (kind === 'release') claims.splice(pick % Math.max(1, claims.length), 1)[0]?.release();
    if (kind === 'settle') arena.settle();
    if (kind === 'replace') await registry.put(`${names[0] ?? 0}`, adapterOf(pick % 8));
    if (kind === 'wait') for (let turns = pick % 12; turns > 0; turns--) await breathe();
    for (const claim of claims) if (claim.isActive) await assertExact(world, claim);
  }
  while (claims.length > 0) {
    for (const claim of claims) if (claim.isActive) await assertExact(world, claim);
    arena.settle();
    claims.shift()?.release();
    await breathe();
  }
  await Promise.all(activations);
  for (let name = 0; name < 6; name++) await used(world, `${name}`);
}

afterEach(() => {
  vi.restoreAllMocks();
  assertNothingAlive();
});

describe('adapters whose rows are their only copy', () => {
  it('have the same bits after any history of uses, evictions, moves and replacements', async () => {
    const checked = fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 40, size: 'max' }),
        fc.constantFrom(0, 2 ** 21, 2 ** 30),
        async (steps, memory) => {
          await using world = open({ memory });
          await runHistory(world, steps);
        },
      ),
      { numRuns: 30, seed: 11, endOnFailure: true },
    );
    await expect(checked).resolves.toBeUndefined();
  });

  it('take no pages of their own while they are in rows, count once, and say where they are', async () => {
    await using world = open();
    const { registry, arena, stack } = world;
    await registry.load('0', adapterOf(18));
    using lease = registry.acquire('0');
    using hold = await lease.hold();
    const { weights } = hold;
    const own = weights.shards();
    expect(weights.memory.bytes().some((byte) => byte !== 0)).toBe(true);
    await used(world, '0');
    expect([registry.memory().used, weights.rows === undefined]).toEqual([weights.bytes, false]);
    const whole = weights.bytes - (weights.bytes % pageAllocator().pageBytes);
    // What discarded pages hold is only known where they read as zeros.
    const isEmpty = weights.memory.bytes(0, whole).every((byte) => byte === 0);
    expect(isEmpty || process.platform !== 'linux').toBe(true);
    const claim = arena.claim([{ lease }]);
    await claim.activate();
    const { start } = claim.applied[0]?.rows ?? { start: 0 };
    const [bytes, floats] = stack.modules;
    if (!bytes || !floats) throw new RangeError('no modules');
    const inRows = weights.shards();
    expect(inRows.map(({ address }) => address)).toEqual([
      bytes.loraA.address + BigInt(start * bytes.in),
      bytes.loraB.address + BigInt(start * bytes.out),
      (bytes.loraScale?.address ?? 0n) + BigInt(start * 4),
      floats.loraA.address + BigInt(start * floats.in * 4),
      floats.loraB.address + BigInt(start * floats.out * 4),
      (floats.loraGain?.address ?? 0n) + BigInt(start * floats.out * 4),
    ]);
    expect(inRows.map(({ bytes: size }) => size)).toEqual(own.map(({ bytes: size }) => size));
    claim.release();
  });

  it('come back without an allocation, so that none that fails can lose them or stop a request', async () => {
    await using world = open({ rows: unit });
    const { registry } = world;
    for (const name of [1, 2, 3]) await registry.load(`${name}`, adapterOf(name));
    for (const name of [1, 2, 3]) await expectedOf(name, unit);
    vi.spyOn(NativeMemory, 'allocate').mockImplementation(() => {
      throw new Error('no memory');
    });
    for (const name of [1, 2, 3, 1, 2, 3]) await expect(used(world, `${name}`)).resolves.toBeUndefined();
  });

  it('are left alone by the way back of weights that were dropped meanwhile', async () => {
    await using world = open({ rows: unit });
    const { registry } = world;
    await registry.load('1', adapterOf(1));
    await registry.load('2', adapterOf(2));
    await used(world, '1');
    const using2 = used(world, '2');
    await registry.unload('1');
    await using2;
    await registry.load('1', adapterOf(1));
    for (const name of ['1', '2', '1']) await expect(used(world, name)).resolves.toBeUndefined();
  });

  it('stay where they are if they are used again on their way back', async () => {
    await using world = open({ keptRows: 0, Stack: GatedStack });
    const { registry, arena, stack } = world;
    await registry.load('1', adapterOf(1));
    using lease = registry.acquire('1');
    await used(world, '1');
    const claim = arena.claim([{ lease }]);
    await claim.activate();
    setOpen(stack, true);
    for (let turns = 0; turns < 5; turns++) await breathe();
    await assertExact(world, claim);
    claim.release();
    await expect(used(world, '1')).resolves.toBeUndefined();
  });

  it('are read where they are if they are moved on their way back', async () => {
    await using world = open({ keptRows: 0, Stack: GatedStack });
    const { registry, arena, stack } = world;
    setOpen(stack, true);
    const claims: SequenceAdapters[] = [];
    for (const name of [1, 2, 3]) {
      await registry.load(`${name}`, adapterOf(name));
      using lease = registry.acquire(`${name}`);
      const claim = arena.claim([{ lease }]);
      await claim.activate();
      claims.push(claim);
    }
    // The first leaves, so the last is copied to its rows.
    claims[0]?.release();
    for (let turns = 0; turns < 5; turns++) await breathe();
    const before = claims[2]?.applied[0]?.rows.start;
    setOpen(stack, false);
    using lease = registry.acquire('3');
    claims[2]?.release();
    const again = arena.claim([{ lease }]);
    await again.activate();
    arena.settle();
    expect(again.applied[0]?.rows.start).toBeLessThan(before ?? 0);
    setOpen(stack, true);
    for (let turns = 0; turns < 5; turns++) await breathe();
    again.release();
    claims[1]?.release();
    for (const name of ['3', '1', '2', '3']) await used(world, name);
  });
});

function setOpen(stack: AdapterStack, isOpen: boolean): void {
  if (!(stack instanceof GatedStack)) throw new TypeError('no gate');
  stack.isOpen = isOpen;
}
