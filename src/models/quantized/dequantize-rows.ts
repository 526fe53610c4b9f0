import type { QuantizedWeight } from '../weight-ref.ts';

/** The bytes of rows of a quantized matrix. */
export interface QuantizedRowBytes {
  readonly packed: Uint8Array;
  readonly scales: Float32Array;
  readonly zeroPoints: Uint8Array | undefined;
}

/** A matrix in a layout that Espalier writes. */
type OwnWeight = Extract<QuantizedWeight, { kind: 'blocks' | 'int8' }>;

/**
 * Dequantizes rows of a matrix. Each number is rounded to f32 once:
 *
 *   w = scale · (q − zero)
 *
 * @param bytes  the bytes of whole rows; for an `int8` matrix those of the whole matrix, because it is stored transposed
 * @returns f32 [rows, columns]
 */
export function dequantizeRows(weight: OwnWeight, bytes: QuantizedRowBytes): Float32Array {
  return weight.kind === 'int8' ? ofChannels(weight, bytes) : ofBlocks(weight, bytes);
}

function ofChannels(
  { rows, columns, signed }: Extract<QuantizedWeight, { kind: 'int8' }>,
  { packed: bytes, scales }: QuantizedRowBytes,
): Float32Array {
  const [packed, zero] = signed ? [new Int8Array(bytes.buffer, bytes.byteOffset, bytes.length), 0] : [bytes, 128];
  const values = new Float32Array(rows * columns);
  for (let row = 0; row < rows; row++) {
    const scale = scales[row] ?? 0;
    for (let column = 0; column < columns; column++) {
      values[row * columns + column] = ((packed[column * rows + row] ?? 0) - zero) * scale;
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

/** With 4 bits, the lower half of a byte holds the first of its two numbers. */
function level(bytes: Uint8Array, index: number, bits: 4 | 8): number {
  if (bits === 8) return bytes[index] ?? 0;
  return ((bytes[index >> 1] ?? 0) >> (index % 2 === 0 ? 0 : 4)) & 15;
}
