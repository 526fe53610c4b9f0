import type { QuantizedWeight } from './quantized-weight.ts';

/** The bytes of rows of a quantized matrix. */
export interface QuantizedRowBytes {
  readonly packed: Uint8Array;
  readonly scales: Float32Array;
  readonly zeroPoints: Uint8Array | undefined;
}

/**
 * Rows of a quantized matrix as the floats that they stand for, by one rounding to f32 each:
 *
 *   w = scale · (q − zero)
 *
 * @param bytes  of whole rows; of an `int8` matrix all of it, since it lies turned over
 * @returns f32 [rows, columns]
 */
export function dequantizeRows(weight: QuantizedWeight, bytes: QuantizedRowBytes): Float32Array {
  return weight.kind === 'int8' ? ofChannels(weight, bytes) : ofBlocks(weight, bytes);
}

function ofChannels({ rows, columns }: { rows: number; columns: number }, bytes: QuantizedRowBytes): Float32Array {
  const { packed, scales } = bytes;
  const values = new Float32Array(rows * columns);
  for (let row = 0; row < rows; row++) {
    const scale = scales[row] ?? 0;
    for (let column = 0; column < columns; column++) {
      values[row * columns + column] = ((packed[column * rows + row] ?? 0) - 128) * scale;
    }
  }
  return values;
}

function ofBlocks(
  { columns, bits, blockSize }: Extract<QuantizedWeight, { kind: 'blocks' }>,
  { packed, scales, zeroPoints }: QuantizedRowBytes,
): Float32Array {
  const blocks = Math.ceil(columns / blockSize);
  const rows = scales.length / blocks;
  const zeroBytes = Math.ceil((blocks * bits) / 8);
  const values = new Float32Array(rows * columns);
  for (let index = 0; index < scales.length; index++) {
    const [row, block] = [Math.floor(index / blocks), index % blocks];
    const scale = scales[index] ?? 0;
    const zero = zeroPoints ? level(zeroPoints.subarray(row * zeroBytes), block, bits) : 2 ** (bits - 1);
    const start = row * columns + block * blockSize;
    const count = Math.min(blockSize, columns - block * blockSize);
    const from = packed.subarray((index * blockSize * bits) / 8);
    for (let i = 0; i < count; i++) values[start + i] = (level(from, i, bits) - zero) * scale;
  }
  return values;
}

/** Of 4 bits the first number is in the lower half of a byte. */
function level(bytes: Uint8Array, index: number, bits: 4 | 8): number {
  if (bits === 8) return bytes[index] ?? 0;
  return ((bytes[index >> 1] ?? 0) >> (index % 2 === 0 ? 0 : 4)) & 15;
}
