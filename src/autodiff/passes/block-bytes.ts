import { roundedInputKey, zeroAfter, type Node, type Tape, type Value } from '../../ir/index.ts';
import { tensorOf } from '../../tensor/index.ts';
import { storedBlocks } from '../rules/dequantized-rows.ts';

/** A frozen matrix in blocks of 4 or 8 bits, [rows, columns], whose product rounds its input when the model is served. */
export interface BlockWeight {
  /** u8 [rows, blocks, bytes of a block]; with 4 bits, the first number of two is in the lower half of a byte. */
  readonly packed: Value;
  /** f32, one for each block */
  readonly scales: Value;
  /** Packed like the weights. Default: the middle of the range. */
  readonly zeroPoints: Value | undefined;
  readonly rows: number;
  readonly columns: number;
  readonly blockSize: number;
  readonly bits: 4 | 8;
}

/** The weight of a MatMulNBits; undefined if its product rounds nothing, or if its rows do not end with whole blocks and bytes. */
export function blockWeight(node: Node, opset: number): BlockWeight | undefined {
  if (opset < 21) return undefined;
  if (node.opType !== 'MatMulNBits' || !node.metadata.has(roundedInputKey)) return undefined;
  const [, packed, scales, zeroPoints, ...more] = node.inputs;
  const [rows, columns] = [node.intAttribute('N', 0), node.intAttribute('K', 0)];
  const [bits, blockSize] = [node.intAttribute('bits', 4), node.intAttribute('block_size', 32)];
  if (!packed?.constant || !scales?.constant || more.some((input) => input !== undefined)) return undefined;
  if (bits !== 4 && bits !== 8) return undefined;
  const areWhole = columns % blockSize === 0 && (((columns / blockSize) * bits) / 8) % 1 === 0;
  // WHY: numbers of 8 bits with a zero point at an end of their range are too far from it for 255 levels.
  const areKnown = zeroPoints === undefined || (bits === 4 && zeroPoints.dtype === 'uint8' && zeroPoints.constant);
  if (!areWhole || !areKnown) return undefined;
  return { packed, scales, zeroPoints, rows, columns, blockSize, bits };
}

/** A matrix as bytes with one scale for each row. */
export interface RowBytes {
  /** i8 [rows, columns] */
  readonly bytes: Value;
  /** f32 [rows] */
  readonly scale: Value;
}

/** The largest distance of a number from its zero point. With 8 bits and no zero points the middle is 128. */
const reach = { 4: 15, 8: 128 } as const;

/**
 * Rounds each row of the matrix to 255 levels of its own, once `after` has been computed:
 *
 *   W[n, k] = s[n, b] · (q[n, k] − z[n, b]),   r[n] = reach · max over b of s[n, b] / 127,   bytes[n, k] = round(W / r)
 *
 * With 4 bits a step of r is at most an eighth of the largest block's own step, so that this rounding is far below that of the blocks.
 *
 * WHY not r by the zero points: they are numbers of 4 bits too, and to unpack them takes as many nodes again as all the rest.
 */
export function bytesOfBlocks(tape: Tape, after: Value, weight: BlockWeight): RowBytes {
  const { scales, rows, columns, blockSize, bits } = weight;
  const stored = storedBlocks(tape, weight);
  if (stored?.scales === undefined) throw new TypeError('the blocks are constants');
  const count = (rows * columns) / blockSize;
  const waiting = tape.op('Add', [stored.scales, zeroAfter(tape, after, scales.dtype)]);
  const steps = shaped(tape, waiting, [rows, columns / blockSize]);
  const largest = tape.op('ReduceMax', [steps, tape.int64s([1])], { attributes: { keepdims: 1 } });
  // WHY a lower bound: a row of zeros may have scales of zero, and 0 / 0 would be NaN.
  const scale = tape.op('Max', [tape.op('Mul', [largest, tape.scalar(reach[bits] / 127)]), tape.scalar(1e-30)]);
  const each = shaped(tape, tape.op('Div', [steps, scale]), [count]);
  const floats = tape.op('DequantizeLinear', [stored.weight, each, stored.zeros], {
    attributes: { axis: 0 },
    dtype: 'float32',
    shape: [count, blockSize],
  });
  const zero = tape.constant(tensorOf('int8', [], Int8Array.of(0)));
  const bytes = tape.op('QuantizeLinear', [floats, tape.scalar(1), zero]);
  return { bytes: shaped(tape, bytes, [rows, columns]), scale: shaped(tape, scale, [rows]) };
}

function shaped(tape: Tape, value: Value, shape: readonly number[]): Value {
  return tape.op('Reshape', [value, tape.int64s(shape)], { ...(value.dtype && { dtype: value.dtype }), shape });
}
