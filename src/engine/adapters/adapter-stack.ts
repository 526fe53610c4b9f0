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
  /** Number of rank rows, including the zero row. Only rows that are used take memory. */
  readonly rows: number;
  /** Whether a module has rows for DoRA's gains. Absent if DoRA adapters are not supported. */
  readonly hasGain?: ((path: string) => boolean) | undefined;
  /** Whether a module has rows for biases (`lora_bias`). Absent if adapters with biases are not supported. */
  readonly hasBias?: ((path: string) => boolean) | undefined;
}

/** The stacked adapters of one module. */
export interface ModuleStack extends StackedModule {
  /** f32 [rows, in] */
  readonly loraA: NativeMemory;
  /** f32 [rows, out]: PEFT's B [out, rank], transposed and multiplied by `alpha / rank`. */
  readonly loraB: NativeMemory;
  /** f32 [rows, out]: DoRA's gain minus 1 in the first row of an adapter, else zeros. Absent if no adapter can have a gain. */
  readonly loraGain?: NativeMemory;
  /** f32 [rows, out]: an adapter's bias times its scaling in its first row, else zeros. Absent if no adapter can have a bias. */
  readonly loraBias?: NativeMemory;
}

/** Elements that are copied between two checks of the clock, which take a fraction of a millisecond. */
const sliceElements = 2 ** 17;

/**
 * The arrays that steps read. Row r of every module's arrays belongs to one adapter version, or to none. Rows are zero for a module
 * that the adapter does not change, and for ranks that a module does not have. All values are finite, also while they are being
 * written, so that a row whose mask is zero adds nothing.
 */
export class AdapterStack {
  readonly modules: readonly ModuleStack[];
  readonly rows: number;
  /** Whether DoRA adapters are supported. The graph then has inputs for their gains. */
  readonly hasGains: boolean;
  /** Whether adapters with biases are supported. The graph then has inputs for them. */
  readonly hasBiases: boolean;

  constructor(modules: readonly StackedModule[], { rows, hasGain, hasBias }: StackOptions) {
    this.rows = rows;
    this.hasGains = hasGain !== undefined;
    this.hasBiases = hasBias !== undefined;
    this.modules = modules.map((module) => ({
      ...module,
      loraA: NativeMemory.allocate(rows * module.in * 4),
      loraB: NativeMemory.allocate(rows * module.out * 4),
      ...(hasGain?.(module.path) === true && { loraGain: NativeMemory.allocate(rows * module.out * 4) }),
      ...(hasBias?.(module.path) === true && { loraBias: NativeMemory.allocate(rows * module.out * 4) }),
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

  /** Copies rows to the same number of other rows. The two ranges must not overlap. */
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

  /** Frees the memory of rows. They are zeros afterwards, except on pages that other rows share, where they keep their values. */
  discard({ start, end }: RankRows): void {
    for (const module of this.modules) {
      for (const { array, width } of partsOf(module)) array.discard(start * width * 4, (end - start) * width * 4);
    }
  }

  dispose(): void {
    for (const module of this.modules) for (const { array } of partsOf(module)) array.dispose();
  }
}

type Part = 'a' | 'b' | 'gain' | 'bias';

function partsOf(module: ModuleStack): { readonly array: NativeMemory; readonly width: number; readonly part: Part }[] {
  const { loraA, loraB, loraGain, loraBias } = module;
  return [
    { array: loraA, width: module.in, part: 'a' },
    { array: loraB, width: module.out, part: 'b' },
    ...(loraGain ? [{ array: loraGain, width: module.out, part: 'gain' as const }] : []),
    ...(loraBias ? [{ array: loraBias, width: module.out, part: 'bias' as const }] : []),
  ];
}

/** @returns undefined if the adapter has no such array */
function sourceOf(adapter: PreparedAdapter, own: PreparedModule, part: Part, width: number): Float32Array | undefined {
  const rows = part === 'a' || part === 'b' ? own.rank : 1;
  const offset = own[part];
  return offset === undefined ? undefined : adapter.memory.float32(offset, rows * width);
}

/** Copies the source and fills the rest with zeros; without a source, all of it. */
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
