import { EspalierError, Pace } from '../../core/index.ts';
import type { Adapter, ModuleWeights } from '../../lora/index.ts';
import { NativeMemory } from '../../native/index.ts';
import type { Shard } from '../../routing/index.ts';
import { elementCount, toFloat32 } from '../../tensor/index.ts';
import type { PreparedAdapter, PreparedModule } from './prepared-adapter.ts';
import { quantizeRanks, type RankMatrices } from './quantize-ranks.ts';
import { wholeBlocks } from './rank-rows.ts';

/**
 * Largest magnitude of a value. In a mixed batch every row is multiplied with every adapter in the window before the mask is applied,
 * and infinity times zero is not zero. Larger values of one adapter could therefore change the rows of others.
 */
const valueLimit = 1e15;

/** Values with smaller bits are usable. `usable` decides about the others. */
const limitBits = new Uint32Array(Float32Array.of(valueLimit).buffer)[0] ?? 0;

/** Elements that are written between two checks of the clock. */
const sliceElements = 16_384;

/** DoRA's gains by path: magnitude / ‖W + s·B·A‖, f32 [out]. */
export type Gains = ReadonlyMap<string, Float32Array>;

export interface PrepareAdapterOptions {
  readonly gains?: Gains | undefined;
  /** The paths of the modules whose matrices are kept as bytes. Default: none. */
  readonly bytePaths?: ReadonlySet<string>;
  /** Rank rows of a block of bytes. */
  readonly unit?: number;
}

/**
 * Copies an adapter's weights into new memory in the layout of the stacked arrays, in slices.
 * @throws EspalierError ADAPTER_VALUES_UNUSABLE. The memory is then freed.
 */
export async function prepareAdapter(
  name: string,
  adapter: Adapter,
  { gains, bytePaths = new Set(), unit = 1 }: PrepareAdapterOptions = {},
): Promise<PreparedAdapter> {
  const { modules, bytes, arrays } = layOut(adapter, gains, { bytePaths, unit });
  const memory = NativeMemory.allocate(bytes, { isFilled: true });
  const pace = new Pace();
  const scratch = scratchOf(adapter, bytePaths);
  try {
    for (const [path, place] of modules) {
      const weights = adapter.modules.get(path);
      if (weights) await fill(memory, place, { weights, gains: gains?.get(path), scratch, unit, pace, name, path });
    }
  } catch (error) {
    memory.dispose();
    throw error;
  }
  const shards = (): Shard[] =>
    arrays.map(({ offset, ...array }) => ({ ...array, address: memory.address + BigInt(offset) }));
  return { memory, modules, bytes, shards, dispose: () => memory.dispose() };
}

/**
 * The floats of one module on their way to bytes. WHY one for all: arrays for each of them would add up to a copy of the adapter, and
 * stay until the garbage collector comes, at the time at which the most memory is in use.
 */
function scratchOf({ modules }: Adapter, bytePaths: ReadonlySet<string>): RankMatrices {
  const longest = { a: 0, b: 0 };
  for (const [path, { a, b }] of modules) {
    if (!bytePaths.has(path)) continue;
    longest.a = Math.max(longest.a, elementCount(a.shape));
    longest.b = Math.max(longest.b, elementCount(b.shape));
  }
  return { a: new Float32Array(longest.a), b: new Float32Array(longest.b) };
}

/** A shard whose memory is not there yet. */
interface PlacedArray extends Omit<Shard, 'address'> {
  /** From the beginning of the adapter's memory. */
  readonly offset: number;
}

interface Layout {
  readonly modules: ReadonlyMap<string, PreparedModule>;
  readonly bytes: number;
  readonly arrays: readonly PlacedArray[];
}

function layOut(
  { modules, places }: Adapter,
  gains: Gains | undefined,
  { bytePaths, unit }: Required<Pick<PrepareAdapterOptions, 'bytePaths' | 'unit'>>,
): Layout {
  let end = 0;
  const arrays: PlacedArray[] = [];
  const take = (bytes: number, named: string, source?: ModuleWeights['a']): number => {
    const place = source && places?.get(source);
    // Every array begins at a multiple of 4 bytes.
    const alignedBytes = 4 * Math.ceil(bytes / 4);
    arrays.push({ tensor: place?.tensor ?? named, fileOffset: place?.offset, offset: end, bytes, alignedBytes });
    end += alignedBytes;
    return end - alignedBytes;
  };
  const placed = new Map<string, PreparedModule>();
  for (const [path, { rank, a, b, bias }] of modules) {
    const [width = 0, out = 0] = [a.shape[1], b.shape[0]];
    const isBytes = bytePaths.has(path);
    placed.set(path, {
      rank,
      a: take(isBytes ? wholeBlocks(rank, unit) * width : 4 * rank * width, `${path} A`, a),
      b: take((isBytes ? 1 : 4) * rank * out, `${path} B`, b),
      scales: isBytes ? take(4 * rank, `${path} scales`) : undefined,
      gain: gains?.has(path) === true ? take(4 * out, `${path} gain`) : undefined,
      bias: bias === undefined ? undefined : take(4 * out, `${path} bias`, bias),
    });
  }
  return { modules: placed, bytes: end, arrays };
}

interface Filling {
  readonly weights: ModuleWeights;
  /** f32 [out], of DoRA */
  readonly gains: Float32Array | undefined;
  /** At least as long as the matrices of every module that is kept as bytes. */
  readonly scratch: RankMatrices;
  readonly unit: number;
  readonly pace: Pace;
  readonly name: string;
  readonly path: string;
}

async function fill(memory: NativeMemory, place: PreparedModule, filling: Filling): Promise<void> {
  const { weights, gains, name, path } = filling;
  try {
    await fillMatrices(memory, place, filling);
    if (gains && place.gain !== undefined) {
      const target = memory.float32(place.gain, gains.length);
      gains.forEach((gain, row) => (target[row] = usable(gain - 1)));
    }
    if (weights.bias && place.bias !== undefined) {
      const bias = toFloat32(weights.bias);
      const target = memory.float32(place.bias, bias.length);
      bias.forEach((value, row) => (target[row] = usable(value * weights.scaling)));
    }
  } catch (error) {
    if (!(error instanceof UnusableValue)) throw error;
    const details = { name, value: String(error.value), module: path, limit: valueLimit };
    throw new EspalierError('ADAPTER_VALUES_UNUSABLE', details);
  }
}

async function fillMatrices(
  memory: NativeMemory,
  place: PreparedModule,
  { weights, gains, scratch, unit, pace }: Filling,
): Promise<void> {
  const [a, b] = [toFloat32(weights.a), toFloat32(weights.b)];
  const isBytes = place.scales !== undefined;
  const rows = {
    a: isBytes ? scratch.a.subarray(0, a.length) : memory.float32(place.a, a.length),
    b: isBytes ? scratch.b.subarray(0, b.length) : memory.float32(place.b, b.length),
  };
  await copyInSlices(a, rows.a, pace);
  await transposeInSlices(b, rows.b, { ...weights, gains, pace });
  if (place.scales === undefined) return;
  const lanes = wholeBlocks(place.rank, unit);
  const into = {
    a: signed(memory.bytes(place.a, (a.length / place.rank) * lanes)),
    b: signed(memory.bytes(place.b, b.length)),
    scales: memory.float32(place.scales, place.rank),
    unit,
  };
  await quantizeRanks(rows, into, pace);
}

function signed({ buffer, byteOffset, length }: Uint8Array): Int8Array {
  return new Int8Array(buffer, byteOffset, length);
}

async function copyInSlices(source: Float32Array, target: Float32Array, pace: Pace): Promise<void> {
  for (let start = 0; start < source.length; start += sliceElements) {
    const slice = source.subarray(start, start + sliceElements);
    assertUsable(slice);
    target.set(slice, start);
    const turn = pace.step();
    if (turn) await turn;
  }
}

/** WHY on the bits: as whole numbers the magnitudes of floats have the same order, NaN and the infinities last, and compare faster. */
function assertUsable(values: Float32Array): void {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  for (let i = 0; i < bits.length; i++) {
    if (((bits[i] ?? 0) & 0x7fffffff) >= limitBits) usable(values[i] ?? 0);
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
      const to = target.subarray(row * out + start, row * out + end);
      for (let i = 0, from = start * rank + row; i < to.length; i++, from += rank) {
        const factor = gains === undefined ? scaling : scaling * (gains[start + i] ?? 1);
        to[i] = (source[from] ?? 0) * factor;
      }
      assertUsable(to);
    }
    const turn = pace.step();
    if (turn) await turn;
  }
}

class UnusableValue extends Error {
  readonly value: number;

  constructor(value: number) {
    super('A value that no mixed batch can take');
    this.value = value;
  }
}

function usable(value: number): number {
  // Written so that NaN fails the test too.
  if (Math.abs(value) < valueLimit) return value;
  throw new UnusableValue(value);
}
