import type { Pace } from '../../core/index.ts';
import { byteBlock } from '../../lora/index.ts';
import { NativeMemory } from '../../native/index.ts';
import type { PreparedAdapter, PreparedModule } from './prepared-adapter.ts';
import { wholeBlocks, type RankRows } from './rank-rows.ts';

/** A linear module that adapters may change. */
export interface StackedModule {
  readonly path: string;
  readonly in: number;
  readonly out: number;
}

export interface StackOptions {
  /** Most rank rows of adapters. Only rows that are used take memory. */
  readonly rows: number;
  /** Whether a module has rows for DoRA's gains. Absent if DoRA adapters are not supported. */
  readonly hasGain?: ((path: string) => boolean) | undefined;
  /** Whether a module has rows for biases (`lora_bias`). Absent if adapters with biases are not supported. */
  readonly hasBias?: ((path: string) => boolean) | undefined;
  /** Whether a module's matrices are kept as bytes with one scale for each rank row. Default: no module's are. */
  readonly isBytes?: ((path: string) => boolean) | undefined;
}

/** The stacked adapters of one module. */
export interface ModuleStack extends StackedModule {
  /** f32 [rows, in]; as bytes s8 [rows / unit, in, unit], in blocks of rank rows */
  readonly loraA: NativeMemory;
  /** f32 [rows, out], or s8: PEFT's B [out, rank], transposed and multiplied by `alpha / rank`. */
  readonly loraB: NativeMemory;
  /** f32 [rows]: the scale of each rank row, for both matrices together. Present if they are bytes. */
  readonly loraScale?: NativeMemory;
  /** f32 [rows, out]: DoRA's gain minus 1 in the first row of an adapter, else zeros. Absent if no adapter can have a gain. */
  readonly loraGain?: NativeMemory;
  /** f32 [rows, out]: an adapter's bias times its scaling in its first row, else zeros. Absent if no adapter can have a bias. */
  readonly loraBias?: NativeMemory;
}

/** The rank rows with which an engine holds adapters of these ranks at the same time, on any base. */
export function adapterRowsFor(ranks: readonly number[]): number {
  return ranks.reduce((sum, rank) => sum + wholeBlocks(rank, byteBlock), 0);
}

/** Bytes that are copied between two checks of the clock, which take a fraction of a millisecond. */
const sliceBytes = 2 ** 19;

/**
 * The arrays that steps read. Row r of every module's arrays belongs to one adapter version, or to none. Rows are zero for a module
 * that the adapter does not change, and for ranks that a module does not have. Rows are given away in blocks of `unit`. All values are
 * finite, also while they are being written, so that a row whose mask is zero adds nothing.
 */
export class AdapterStack {
  readonly modules: readonly ModuleStack[];
  /** Number of rank rows, including the first block, which is always zero. */
  readonly rows: number;
  /** Rank rows of a block. */
  readonly unit: number;
  /** Whether DoRA adapters are supported. The graph then has inputs for their gains. */
  readonly hasGains: boolean;
  /** Whether adapters with biases are supported. The graph then has inputs for them. */
  readonly hasBiases: boolean;
  /** The paths of the modules whose matrices are bytes. */
  readonly bytePaths: ReadonlySet<string>;
  #version = 0;

  constructor(modules: readonly StackedModule[], { rows, hasGain, hasBias, isBytes }: StackOptions) {
    this.hasGains = hasGain !== undefined;
    this.hasBiases = hasBias !== undefined;
    this.bytePaths = new Set(modules.flatMap(({ path }) => (isBytes?.(path) === true ? [path] : [])));
    this.unit = this.bytePaths.size > 0 ? byteBlock : 1;
    this.rows = this.unit + wholeBlocks(rows, this.unit);
    const allocate = (bytes: number): NativeMemory => NativeMemory.allocate(this.rows * bytes);
    this.modules = modules.map((module) => ({
      ...module,
      ...(isBytes?.(module.path) === true
        ? { loraA: allocate(module.in), loraB: allocate(module.out), loraScale: allocate(4) }
        : { loraA: allocate(module.in * 4), loraB: allocate(module.out * 4) }),
      ...(hasGain?.(module.path) === true && { loraGain: allocate(module.out * 4) }),
      ...(hasBias?.(module.path) === true && { loraBias: allocate(module.out * 4) }),
    }));
  }

  /** Another number whenever the contents of rows have changed that a run may read as an adapter's. */
  get version(): number {
    return this.#version;
  }

  /** Copies a prepared adapter into rows that no run reads as an adapter. */
  async write(rows: RankRows, adapter: PreparedAdapter, pace: Pace): Promise<void> {
    for (const module of this.modules) {
      const own = adapter.modules.get(module.path);
      for (const { array, rowBytes, part } of partsOf(module)) {
        const view = array.bytes(rows.start * rowBytes, (rows.end - rows.start) * rowBytes);
        const source = own && sourceOf(adapter, own, { part, rowBytes, unit: this.unit });
        await copyInSlices(source, view, pace);
      }
    }
    this.#version++;
  }

  /** Copies rows to the same number of other rows. The two ranges must not overlap. */
  async copy(from: RankRows, to: RankRows, pace: Pace): Promise<void> {
    for (const module of this.modules) {
      for (const { array, rowBytes } of partsOf(module)) {
        const count = (from.end - from.start) * rowBytes;
        await copyInSlices(array.bytes(from.start * rowBytes, count), array.bytes(to.start * rowBytes, count), pace);
      }
    }
    this.#version++;
  }

  /** Frees the memory of rows. They are zeros afterwards, except on pages that other rows share, where they keep their values. */
  discard({ start, end }: RankRows): void {
    for (const module of this.modules) {
      for (const { array, rowBytes } of partsOf(module)) array.discard(start * rowBytes, (end - start) * rowBytes);
    }
    this.#version++;
  }

  dispose(): void {
    for (const module of this.modules) for (const { array } of partsOf(module)) array.dispose();
  }
}

type Part = 'a' | 'b' | 'scales' | 'gain' | 'bias';

interface ArrayPart {
  readonly array: NativeMemory;
  readonly rowBytes: number;
  readonly part: Part;
}

function partsOf({ in: width, out, loraA, loraB, loraScale, loraGain, loraBias }: ModuleStack): ArrayPart[] {
  const size = loraScale ? 1 : 4;
  return [
    { array: loraA, rowBytes: width * size, part: 'a' },
    { array: loraB, rowBytes: out * size, part: 'b' },
    ...(loraScale ? [{ array: loraScale, rowBytes: 4, part: 'scales' as const }] : []),
    ...(loraGain ? [{ array: loraGain, rowBytes: out * 4, part: 'gain' as const }] : []),
    ...(loraBias ? [{ array: loraBias, rowBytes: out * 4, part: 'bias' as const }] : []),
  ];
}

/** @returns undefined if the adapter has no such array */
function sourceOf(
  adapter: PreparedAdapter,
  own: PreparedModule,
  { part, rowBytes, unit }: Pick<ArrayPart, 'part' | 'rowBytes'> & { readonly unit: number },
): Uint8Array | undefined {
  const rank = part === 'a' && own.scales !== undefined ? wholeBlocks(own.rank, unit) : own.rank;
  const rows = part === 'gain' || part === 'bias' ? 1 : rank;
  const offset = own[part];
  return offset === undefined ? undefined : adapter.memory.bytes(offset, rows * rowBytes);
}

/** Copies the source and fills the rest with zeros; without a source, all of it. */
async function copyInSlices(source: Uint8Array | undefined, target: Uint8Array, pace: Pace): Promise<void> {
  const length = source?.length ?? 0;
  for (let start = 0; start < target.length; start += sliceBytes) {
    const end = Math.min(target.length, start + sliceBytes);
    if (source && start < length) target.set(source.subarray(start, Math.min(end, length)), start);
    if (end > length) target.fill(0, Math.max(start, length), end);
    const turn = pace.step();
    if (turn) await turn;
  }
}
