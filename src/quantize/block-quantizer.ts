/**
 * Quantizes weights to 4 or 8 bits in blocks along their rows, in the layout of MatMulNBits and GatherBlockQuantized. This is
 * arithmetic only; files and models are not known here.
 */
export interface BlockScheme {
  readonly bits: 4 | 8;
  /** A power of two, at least 16. */
  readonly blockSize: number;
}

/** Quantized rows of a matrix. */
export interface QuantizedBlocks {
  /** u8 [rows, blocks, bytes per block]; with 4 bits, the first element is in the lower half of a byte. */
  readonly packed: Uint8Array;
  /** f32 [rows, blocks] */
  readonly scales: Float32Array;
  /** u8 [rows, bytes of the blocks' zero points], packed like `packed`. Only with 4 bits; with 8 bits every zero point is 128. */
  readonly zeroPoints: Uint8Array | undefined;
}

/**
 * Quantizes each row in its own blocks. The last block of a row is padded with zeros.
 *
 *   w ≈ scale · (q − zero),   q and zero are unsigned integers of `bits` bits
 *
 * With 4 bits each block has its own zero point. Of five ranges, the full one and four narrower ones, the one with the smallest
 * squared error is used. The scale is then the least-squares scale of the rounded values. With 8 bits the range is symmetric
 * around zero; narrowing it would gain nothing noticeable.
 *
 * @param values  f32 [rows, columns]
 */
export function quantizeBlocks(
  values: Float32Array,
  columns: number,
  { bits, blockSize }: BlockScheme,
): QuantizedBlocks {
  const rows = values.length / columns;
  const blocks = Math.ceil(columns / blockSize);
  const block: Block = { values, start: 0, end: 0, levels: new Uint8Array(blockSize), zero: 0, scale: 0 };
  const quantize = bits === 4 ? quantizeFour : quantizeEight;
  const out = {
    packed: new Uint8Array((rows * blocks * blockSize * bits) / 8),
    scales: new Float32Array(rows * blocks),
    zeroPoints: bits === 4 ? new Uint8Array(rows * Math.ceil(blocks / 2)) : undefined,
  };
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < blocks; column++) {
      const index = row * blocks + column;
      block.start = row * columns + column * blockSize;
      block.end = Math.min(block.start + blockSize, (row + 1) * columns);
      quantize(block);
      block.levels.fill(block.zero, block.end - block.start);
      out.scales[index] = block.scale;
      if (bits === 8) {
        out.packed.set(block.levels, index * blockSize);
        continue;
      }
      packHalves(block.levels, out.packed, (index * blockSize) / 2);
      setHalf(out.zeroPoints, 2 * row * Math.ceil(blocks / 2) + column, block.zero);
    }
  }
  return out;
}

/** The current block: its range in `values`, its zero point, and its results. */
interface Block {
  readonly values: Float32Array;
  start: number;
  end: number;
  readonly levels: Uint8Array;
  zero: number;
  scale: number;
}

/** Factors of the five ranges. With smaller factors, clipping costs more than finer steps gain. */
const drawn = [1, 0.93, 0.86, 0.79, 0.72];

function quantizeFour(block: Block): void {
  const { values, start, end } = block;
  let [low, high] = [0, 0];
  for (let i = start; i < end; i++) {
    const value = values[i] ?? 0;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  const range = high - low;
  block.zero = range === 0 ? 8 : Math.round((-low / range) * 15);
  if (range === 0) return fillEmpty(block);
  let [best, step] = [-1, range / 15];
  for (const factor of drawn) {
    const gain = gainOf(block, 15 / (factor * range));
    if (gain <= best) continue;
    best = gain;
    step = (factor * range) / 15;
  }
  fill(block, { inverse: 1 / step, last: 15 });
}

/**
 * How much of the block's energy a step size preserves, with the best scale s for the rounded values d:
 *
 *   min over s of Σ(w − s·d)² = Σw² − (Σw·d)² / Σd²
 *
 * @returns the last term
 */
function gainOf({ values, start, end, zero }: Block, inverse: number): number {
  let [along, square] = [0, 0];
  for (let i = start; i < end; i++) {
    const value = values[i] ?? 0;
    let level = (value * inverse + zero + 0.5) | 0;
    if (level > 15) level = 15;
    if (level < 0) level = 0;
    const d = level - zero;
    along += value * d;
    square += d * d;
  }
  return square === 0 ? 0 : (along * along) / square;
}

function quantizeEight(block: Block): void {
  const { values, start, end } = block;
  let largest = 0;
  for (let i = start; i < end; i++) largest = Math.max(largest, Math.abs(values[i] ?? 0));
  block.zero = 128;
  if (largest === 0) return fillEmpty(block);
  fill(block, { inverse: 127 / largest, last: 255 });
}

/** Rounds the values and computes their least-squares scale. */
function fill(block: Block, { inverse, last }: { readonly inverse: number; readonly last: number }): void {
  const { values, start, end, zero, levels } = block;
  let [along, square] = [0, 0];
  for (let i = start; i < end; i++) {
    const value = values[i] ?? 0;
    const level = Math.min(last, Math.max(0, Math.floor(value * inverse + zero + 0.5)));
    levels[i - start] = level;
    along += value * (level - zero);
    square += (level - zero) ** 2;
  }
  const scale = Math.fround(square === 0 ? 0 : along / square);
  // A block of the smallest subnormal numbers has a scale that underflows to zero. The block then becomes zero.
  if (scale > 0) block.scale = scale;
  else fillEmpty(block);
}

function fillEmpty(block: Block): void {
  block.levels.fill(block.zero);
  block.scale = 1;
}

function packHalves(levels: Uint8Array, into: Uint8Array, start: number): void {
  for (let i = 0; i < levels.length; i += 2) {
    into[start + i / 2] = (levels[i] ?? 0) | ((levels[i + 1] ?? 0) << 4);
  }
}

/** @param index  in units of half a byte */
function setHalf(into: Uint8Array | undefined, index: number, value: number): void {
  if (into === undefined) return;
  const at = index >> 1;
  into[at] = (into[at] ?? 0) | (value << (index % 2 === 0 ? 0 : 4));
}
