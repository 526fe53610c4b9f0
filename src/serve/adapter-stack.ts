import type { AdapterStore } from '../adapters/index.ts';
import { EspalierError, Pace } from '../core/index.ts';
import { assertPlain, type AdapterWeights, type ModuleWeights } from '../lora/index.ts';
import { NativeMemory } from '../runtime/index.ts';
import { toFloat32 } from '../tensor/index.ts';
import { RankAllocator, type RankRows } from './rank-allocator.ts';

/** A linear module that adapters may change. */
export interface StackedModule {
  readonly path: string;
  readonly in: number;
  readonly out: number;
}

export interface StackOptions {
  /** Rank rows in all, the zero row included. Memory is taken only for rows that are used. */
  readonly rows: number;
  readonly maxRank: number;
}

/** The stacked adapters of one module. */
export interface ModuleStack extends StackedModule {
  /** f32 [rows, in] */
  readonly loraA: NativeMemory;
  /** f32 [rows, out]: PEFT's B [out, rank], turned over and scaled by `alpha / rank`. */
  readonly loraB: NativeMemory;
}

/**
 * Largest size of a value. In a mixed batch every row is multiplied with every adapter in the window before the mask
 * takes it out, and infinity times zero is not zero: beyond this, one adapter could spoil the rows of others.
 */
const valueLimit = 1e15;

/** How much is written between two looks at the clock. */
const sliceElements = 16_384;

/**
 * The weights of all resident adapters, stacked by rank rows: row r of every module's arrays belongs to one adapter
 * version. A module that an adapter leaves alone, and the ranks that a module does not have, are rows of zeros.
 */
export class AdapterStack implements AdapterStore<RankRows> {
  readonly modules: readonly ModuleStack[];
  readonly #allocator: RankAllocator;
  readonly #maxRank: number;

  constructor(modules: readonly StackedModule[], { rows, maxRank }: StackOptions) {
    this.#allocator = new RankAllocator(rows);
    this.#maxRank = maxRank;
    this.modules = modules.map((module) => ({
      ...module,
      loraA: NativeMemory.allocate(rows * module.in * 4),
      loraB: NativeMemory.allocate(rows * module.out * 4),
    }));
  }

  get usedRows(): number {
    return this.#allocator.used;
  }

  /** @throws EspalierError LORA_PARTS_NOT_APPLIED, ADAPTER_TARGET_NOT_SERVED, SHAPE_MISMATCH, ADAPTER_RANK_TOO_LARGE */
  check(name: string, weights: AdapterWeights): number {
    assertPlain(name, weights, { place: 'a mixed batch' });
    const { modules } = weights;
    const served = new Map(this.modules.map((module) => [module.path, module]));
    const strange = [...modules.keys()].filter((path) => !served.has(path));
    if (strange.length > 0) {
      throw new EspalierError('ADAPTER_TARGET_NOT_SERVED', {
        name,
        modules: strange.join(', '),
        served: lastNames(served.keys()),
      });
    }
    let rank = 1;
    for (const [path, own] of modules) {
      const module = served.get(path);
      if (module) checkShapes(module, own);
      rank = Math.max(rank, own.rank);
    }
    if (rank > this.#maxRank) throw new EspalierError('ADAPTER_RANK_TOO_LARGE', { name, rank, limit: this.#maxRank });
    return rank;
  }

  reserve(name: string, count: number): RankRows {
    const rows = this.#allocator.reserve(count);
    if (rows) return rows;
    const { longestFree: free, total } = this.#allocator;
    // Row 0 can never be had.
    throw new EspalierError('ADAPTER_CAPACITY', { name, needed: count, free, total: total - 1 });
  }

  /** @throws EspalierError ADAPTER_VALUES_UNUSABLE; the rows then hold nothing of use */
  async write(name: string, rows: RankRows, weights: AdapterWeights): Promise<void> {
    const pace = new Pace();
    for (const module of this.modules) {
      const own = weights.modules.get(module.path);
      try {
        await writeModule(module, rows, own, pace);
      } catch (error) {
        if (!(error instanceof UnusableValue)) throw error;
        const details = { name, value: String(error.value), module: module.path, limit: valueLimit };
        throw new EspalierError('ADAPTER_VALUES_UNUSABLE', details);
      }
    }
  }

  release(rows: RankRows): void {
    this.#allocator.release(rows);
  }

  dispose(): void {
    for (const { loraA, loraB } of this.modules) {
      loraA.dispose();
      loraB.dispose();
    }
  }
}

function checkShapes({ path, in: width, out }: StackedModule, { rank, a, b }: ModuleWeights): void {
  for (const [tensor, name, shape] of [
    [a, 'lora_A', [rank, width]],
    [b, 'lora_B', [out, rank]],
  ] as const) {
    if (tensor.shape.length === 2 && tensor.shape[0] === shape[0] && tensor.shape[1] === shape[1]) continue;
    const [expected, actual] = [`[${shape.join(', ')}]`, `[${tensor.shape.join(', ')}]`];
    throw new EspalierError('SHAPE_MISMATCH', { name: `${path}.${name}`, expected, actual });
  }
}

function lastNames(paths: Iterable<string>): string {
  return [...new Set(Array.from(paths, (path) => path.slice(path.lastIndexOf('.') + 1)))].join(', ');
}

class UnusableValue extends Error {
  readonly value: number;

  constructor(value: number) {
    super('A value that no mixed batch can take');
    this.value = value;
  }
}

async function writeModule(
  module: ModuleStack,
  { start, end }: RankRows,
  weights: ModuleWeights | undefined,
  pace: Pace,
): Promise<void> {
  const loraA = module.loraA.float32(start * module.in * 4, (end - start) * module.in);
  const loraB = module.loraB.float32(start * module.out * 4, (end - start) * module.out);
  const rank = weights?.rank ?? 0;
  loraA.fill(0, rank * module.in);
  loraB.fill(0, rank * module.out);
  await pace.step();
  if (weights === undefined) return;
  await copyInSlices(toFloat32(weights.a), loraA, pace);
  await transposeInSlices(toFloat32(weights.b), loraB, { rank, scaling: weights.scaling, pace });
}

async function copyInSlices(source: Float32Array, target: Float32Array, pace: Pace): Promise<void> {
  for (let start = 0; start < source.length; start += sliceElements) {
    const end = Math.min(source.length, start + sliceElements);
    for (let i = start; i < end; i++) target[i] = usable(source[i] ?? 0);
    await pace.step();
  }
}

/** [out, rank] to [rank, out], times `scaling`. */
async function transposeInSlices(
  source: Float32Array,
  target: Float32Array,
  { rank, scaling, pace }: { readonly rank: number; readonly scaling: number; readonly pace: Pace },
): Promise<void> {
  const out = source.length / rank;
  const columns = Math.max(1, Math.floor(sliceElements / rank));
  for (let start = 0; start < out; start += columns) {
    const end = Math.min(out, start + columns);
    for (let row = 0; row < rank; row++) {
      for (let column = start; column < end; column++) {
        target[row * out + column] = usable((source[column * rank + row] ?? 0) * scaling);
      }
    }
    await pace.step();
  }
}

function usable(value: number): number {
  // Written so that NaN fails it too.
  if (Math.abs(value) < valueLimit) return value;
  throw new UnusableValue(value);
}
