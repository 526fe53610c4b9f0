import type { AdapterStore } from '../../control/index.ts';
import { EspalierError, Pace } from '../../core/index.ts';
import { assertPlain, type Adapter, type ModuleWeights } from '../../lora/index.ts';
import { NativeMemory } from '../../native/index.ts';
import { toFloat32 } from '../../tensor/index.ts';
import { assertMagnitudes, type DoraGains } from './dora-gains.ts';
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
  /** DoRA adapters are taken too; absent: they are refused, and no memory is kept for gains. */
  readonly gains?: DoraGains | undefined;
}

/** The stacked adapters of one module. */
export interface ModuleStack extends StackedModule {
  /** f32 [rows, in] */
  readonly loraA: NativeMemory;
  /** f32 [rows, out]: PEFT's B [out, rank], turned over and scaled by `alpha / rank`. */
  readonly loraB: NativeMemory;
  /** f32 [rows, out]: DoRA's gain less 1 in the first row of an adapter, else zeros. Absent where no adapter can have one. */
  readonly loraGain?: NativeMemory;
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
  readonly #gains: DoraGains | undefined;
  readonly #doraRows = new WeakSet<RankRows>();

  constructor(modules: readonly StackedModule[], { rows, maxRank, gains }: StackOptions) {
    this.#allocator = new RankAllocator(rows);
    this.#maxRank = maxRank;
    this.#gains = gains;
    this.modules = modules.map((module) => ({
      ...module,
      loraA: NativeMemory.allocate(rows * module.in * 4),
      loraB: NativeMemory.allocate(rows * module.out * 4),
      ...(gains?.problems.has(module.path) === false && { loraGain: NativeMemory.allocate(rows * module.out * 4) }),
    }));
  }

  get usedRows(): number {
    return this.#allocator.used;
  }

  /** Whether DoRA adapters can be taken: the graph has inputs for their gains then. */
  get hasGains(): boolean {
    return this.#gains !== undefined;
  }

  /** Whether what was written there is a DoRA adapter. */
  isDora(rows: RankRows): boolean {
    return this.#doraRows.has(rows);
  }

  /** @throws EspalierError LORA_PARTS_NOT_APPLIED, DORA_NOT_SERVED, ADAPTER_TARGET_NOT_SERVED, SHAPE_MISMATCH, ADAPTER_RANK_TOO_LARGE */
  check(name: string, weights: Adapter): number {
    assertPlain(name, weights, { place: 'a mixed batch', allowed: ['magnitudes'] });
    const { modules } = weights;
    const served = new Map(this.modules.map((module) => [module.path, module]));
    const strange = [...modules.keys()].filter((path) => !served.has(path));
    if (strange.length > 0) {
      throw new EspalierError('ADAPTER_TARGET_NOT_SERVED', {
        name,
        modules: strange,
        served: lastNames(served.keys()),
      });
    }
    let rank = 1;
    for (const [path, own] of modules) {
      const module = served.get(path);
      if (module) checkShapes(module, own);
      rank = Math.max(rank, own.rank);
    }
    assertMagnitudes(name, weights, this.#gains);
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

  /** @throws EspalierError ADAPTER_VALUES_UNUSABLE, LORA_WEIGHT_UNREADABLE; the rows then hold nothing of use */
  async write(name: string, rows: RankRows, weights: Adapter): Promise<void> {
    const gains = await this.#gains?.read(weights);
    if (gains && gains.size > 0) this.#doraRows.add(rows);
    const pace = new Pace();
    for (const module of this.modules) {
      const own = weights.modules.get(module.path);
      try {
        await writeModule(module, rows, { weights: own, gains: gains?.get(module.path), pace });
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
    for (const { loraA, loraB, loraGain } of this.modules) {
      for (const memory of [loraA, loraB, loraGain]) memory?.dispose();
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

interface ModuleContent {
  readonly weights: ModuleWeights | undefined;
  /** f32 [out], of DoRA */
  readonly gains: Float32Array | undefined;
  readonly pace: Pace;
}

async function writeModule(
  module: ModuleStack,
  { start, end }: RankRows,
  { weights, gains, pace }: ModuleContent,
): Promise<void> {
  const loraA = module.loraA.float32(start * module.in * 4, (end - start) * module.in);
  const loraB = module.loraB.float32(start * module.out * 4, (end - start) * module.out);
  const rank = weights?.rank ?? 0;
  loraA.fill(0, rank * module.in);
  loraB.fill(0, rank * module.out);
  const loraGain = module.loraGain?.float32(start * module.out * 4, (end - start) * module.out);
  // WHY always: an adapter without gains may get the rows of one that had them.
  loraGain?.fill(0);
  await pace.step();
  if (weights === undefined) return;
  await copyInSlices(toFloat32(weights.a), loraA, pace);
  await transposeInSlices(toFloat32(weights.b), loraB, { rank, scaling: weights.scaling, gains, pace });
  if (loraGain && gains) gains.forEach((gain, row) => (loraGain[row] = usable(gain - 1)));
}

async function copyInSlices(source: Float32Array, target: Float32Array, pace: Pace): Promise<void> {
  for (let start = 0; start < source.length; start += sliceElements) {
    const end = Math.min(source.length, start + sliceElements);
    for (let i = start; i < end; i++) target[i] = usable(source[i] ?? 0);
    await pace.step();
  }
}

interface Transposition {
  readonly rank: number;
  readonly scaling: number;
  readonly gains: Float32Array | undefined;
  readonly pace: Pace;
}

/** [out, rank] to [rank, out], times `scaling` and the gain of each row of B. */
async function transposeInSlices(
  source: Float32Array,
  target: Float32Array,
  { rank, scaling, gains, pace }: Transposition,
): Promise<void> {
  const out = source.length / rank;
  const columns = Math.max(1, Math.floor(sliceElements / rank));
  for (let start = 0; start < out; start += columns) {
    const end = Math.min(out, start + columns);
    for (let row = 0; row < rank; row++) {
      for (let column = start; column < end; column++) {
        const factor = scaling * (gains?.[column] ?? 1);
        target[row * out + column] = usable((source[column * rank + row] ?? 0) * factor);
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
