import type { Pace } from '../../core/index.ts';
import { NativeMemory } from '../../native/index.ts';
import type { PreparedAdapter, PreparedModule } from './prepared-adapter.ts';
import type { RankRows } from './rank-rows.ts';

/** A linear module that adapters may change. */
export interface StackedModule {
  readonly path: string;
  readonly in: number;
  readonly out: number;
}

export interface StackOptions {
  /** Rank rows in all, the zero row included. Memory is taken only for rows that are used. */
  readonly rows: number;
  /** Whether a module has rows for DoRA's gains; absent where no DoRA adapter is taken. */
  readonly hasGain?: ((path: string) => boolean) | undefined;
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

/** How much is copied between two looks at the clock: a fraction of a millisecond. */
const sliceElements = 2 ** 17;

/**
 * The arrays that steps read: row r of every module's arrays belongs to one adapter version, or to none. A module that an adapter
 * leaves alone, and the ranks that a module does not have, are rows of zeros. Whatever lies in them is finite, also while it is
 * being written, so that a row whose mask is zero adds nothing.
 */
export class AdapterStack {
  readonly modules: readonly ModuleStack[];
  readonly rows: number;
  /** Whether DoRA adapters can be taken: the graph has inputs for their gains then. */
  readonly hasGains: boolean;

  constructor(modules: readonly StackedModule[], { rows, hasGain }: StackOptions) {
    this.rows = rows;
    this.hasGains = hasGain !== undefined;
    this.modules = modules.map((module) => ({
      ...module,
      loraA: NativeMemory.allocate(rows * module.in * 4),
      loraB: NativeMemory.allocate(rows * module.out * 4),
      ...(hasGain?.(module.path) === true && { loraGain: NativeMemory.allocate(rows * module.out * 4) }),
    }));
  }

  /** Copies a prepared adapter into rows that no run reads as an adapter. */
  async write(rows: RankRows, adapter: PreparedAdapter, pace: Pace): Promise<void> {
    for (const module of this.modules) {
      const own = adapter.modules.get(module.path);
      for (const { array, width, part } of partsOf(module)) {
        const view = array.float32(rows.start * width * 4, (rows.end - rows.start) * width);
        const source = own && sourceOf(adapter, own, part, width);
        await copyInSlices(source, view, pace);
      }
    }
  }

  /** Copies rows to as many others, where the two do not overlap. */
  async copy(from: RankRows, to: RankRows, pace: Pace): Promise<void> {
    for (const module of this.modules) {
      for (const { array, width } of partsOf(module)) {
        const count = (from.end - from.start) * width;
        await copyInSlices(
          array.float32(from.start * width * 4, count),
          array.float32(to.start * width * 4, count),
          pace,
        );
      }
    }
  }

  /** Gives the memory of rows back to the system; they are zeros from then on, or what they were where a page is shared. */
  discard({ start, end }: RankRows): void {
    for (const module of this.modules) {
      for (const { array, width } of partsOf(module)) array.discard(start * width * 4, (end - start) * width * 4);
    }
  }

  dispose(): void {
    for (const module of this.modules) for (const { array } of partsOf(module)) array.dispose();
  }
}

type Part = 'a' | 'b' | 'gain';

function partsOf(module: ModuleStack): { readonly array: NativeMemory; readonly width: number; readonly part: Part }[] {
  const { loraA, loraB, loraGain } = module;
  return [
    { array: loraA, width: module.in, part: 'a' },
    { array: loraB, width: module.out, part: 'b' },
    ...(loraGain ? [{ array: loraGain, width: module.out, part: 'gain' as const }] : []),
  ];
}

/** undefined where the adapter has nothing of the kind. */
function sourceOf(adapter: PreparedAdapter, own: PreparedModule, part: Part, width: number): Float32Array | undefined {
  const rows = part === 'gain' ? 1 : own.rank;
  const offset = own[part];
  return offset === undefined ? undefined : adapter.memory.float32(offset, rows * width);
}

/** Zeros behind the source, and where there is none. */
async function copyInSlices(source: Float32Array | undefined, target: Float32Array, pace: Pace): Promise<void> {
  const length = source?.length ?? 0;
  for (let start = 0; start < target.length; start += sliceElements) {
    const end = Math.min(target.length, start + sliceElements);
    if (source && start < length) target.set(source.subarray(start, Math.min(end, length)), start);
    if (end > length) target.fill(0, Math.max(start, length), end);
    const turn = pace.step();
    if (turn) await turn;
  }
}
