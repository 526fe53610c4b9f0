/**
 * Dequantizes weights that are quantized in blocks along their rows, in the packing of MatMulNBits and GatherBlockQuantized.
 * Gradients are not known here.
 */
import { byteLength, dataTypeNumber, tensorOf, type DataType } from '../../tensor/index.ts';
import { multiplyDims, zeroAfter, type ConstantData, type Tape, type Value } from '../../ir/index.ts';
import { add, mul, sub } from '../emit.ts';

export interface QuantizedRows {
  /** u8 [rows, blocks, bytes per block]; with 4 bits, the first element is in the lower half of a byte. */
  readonly packed: Value;
  /** [rows, blocks], or flat */
  readonly scales: Value;
  /** Packed like the weights, each row beginning at a byte; or floats [rows, blocks]. Default: half of the range. */
  readonly zeroPoints: Value | undefined;
  readonly rows: number;
  readonly columns: number;
  readonly bits: 4 | 8;
  readonly blockSize: number;
  /** The weights are dequantized only after this value has been computed. */
  readonly after: Value;
}

/** (element − zero point) · scale, as [rows, columns rounded up to whole blocks] in the type of the scales. */
export function dequantizedRows(tape: Tape, quantized: QuantizedRows): Value {
  const blocks = Math.ceil(quantized.columns / quantized.blockSize);
  return withOperator(tape, quantized, blocks) ?? withArithmetic(tape, quantized, blocks);
}

/**
 * Uses DequantizeLinear on the same bytes with another type; undefined if their layout does not permit this.
 *
 * WHY each block as a row with one scale: ONNX Runtime dequantizes such rows with vector instructions, and blocks number by number, with
 * 8 bits in 0.8 and in 4.4 ms for 896 × 4,864, with 4 bits in 3.8 and in 8.6.
 */
function withOperator(tape: Tape, quantized: QuantizedRows, blocks: number): Value | undefined {
  const { scales, rows, blockSize, after } = quantized;
  const stored = storedBlocks(tape, quantized);
  if (stored === undefined) return undefined;
  const later = add(tape, stored.scales ?? shaped(tape, scales, [rows * blocks]), zeroAfter(tape, after, scales.dtype));
  const floats = tape.op('DequantizeLinear', [stored.weight, later, stored.zeros], {
    attributes: { axis: 0 },
    ...(scales.dtype && { dtype: scales.dtype }),
    shape: [rows * blocks, blockSize],
  });
  return shaped(tape, floats, [rows, blocks * blockSize]);
}

/** What DequantizeLinear reads to make floats of blocks, each block as a row. */
export interface StoredBlocks {
  /** Unsigned integers of 4 or 8 bits, [rows · blocks, size of a block] */
  readonly weight: Value;
  /** Of the same type, [rows · blocks] */
  readonly zeros: Value;
  /** [rows · blocks]; undefined if they are no constant. */
  readonly scales: Value | undefined;
}

/** The same bytes with other types; undefined if their layout does not permit this. */
export function storedBlocks(tape: Tape, quantized: Omit<QuantizedRows, 'after'>): StoredBlocks | undefined {
  const { packed, scales, zeroPoints, rows, columns, bits, blockSize } = quantized;
  // WHY: before opset 21 DequantizeLinear does not support 4 bits.
  if ((tape.model.opsets.get('') ?? 0) < 21) return undefined;
  const dtype = bits === 4 ? 'uint4' : 'uint8';
  const blocks = Math.ceil(columns / blockSize);
  const weight = retyped(tape, packed, dtype, [rows * blocks, blockSize]);
  const zeros = zeroPoints ? packedZeros(tape, quantized, blocks) : middle(tape, dtype, [rows * blocks]);
  if (weight === undefined || zeros === undefined) return undefined;
  // WHY not a Reshape: ONNX Runtime would compute it when it loads the model, and hold the scales twice.
  return { weight, zeros, scales: scales.dtype && retyped(tape, scales, scales.dtype, [rows * blocks]) };
}

function packedZeros(
  tape: Tape,
  { zeroPoints, rows, bits }: Pick<QuantizedRows, 'zeroPoints' | 'rows' | 'bits'>,
  blocks: number,
): Value | undefined {
  // WHY: with 4 bits and an odd number of blocks, a row of zero points ends with an unused half byte.
  if (zeroPoints?.dtype !== 'uint8' || (bits === 4 && blocks % 2 === 1)) return undefined;
  return retyped(tape, zeroPoints, bits === 4 ? 'uint4' : 'uint8', [rows * blocks]);
}

/** The default zero point: half of the range. */
function middle(tape: Tape, dtype: 'uint4' | 'uint8', shape: readonly number[]): Value {
  const bytes = new Uint8Array(byteLength(dtype, shape)).fill(dtype === 'uint4' ? 0x88 : 0x80);
  return tape.constant({ dtype, shape, bytes });
}

/** An initializer with the same bytes and another type. The bytes are not copied. */
function retyped(tape: Tape, value: Value, dtype: DataType, shape: readonly number[]): Value | undefined {
  const { graph } = tape.model;
  const name = `${value.name}.${dtype}[${shape.join('x')}]`;
  const known = graph.value(name);
  if (known) return known;
  const constant = value.constant && retypedConstant(value.constant, dtype, shape);
  return constant && graph.addInitializer(graph.uniqueName(name), constant);
}

function retypedConstant(constant: ConstantData, dtype: DataType, shape: readonly number[]): ConstantData | undefined {
  if (constant.kind === 'inline') {
    const { bytes } = constant.tensor;
    return bytes.length === byteLength(dtype, shape) ? { kind: 'inline', tensor: { dtype, shape, bytes } } : undefined;
  }
  if (constant.kind !== 'external' || byteLength(constant.dtype, constant.shape) !== byteLength(dtype, shape)) {
    return undefined;
  }
  const { location, offset, length, mayBeLink = false, decoding } = constant;
  return { kind: 'external', location, offset, length, dtype, shape, mayBeLink, ...(decoding && { decoding }) };
}

/** Dequantizes with float arithmetic: for older operator sets, and for zero points that are floats or end within a byte. */
function withArithmetic(tape: Tape, quantized: QuantizedRows, blocks: number): Value {
  const { packed, scales, zeroPoints, rows, bits, blockSize, after } = quantized;
  const dtype = scales.dtype ?? 'float32';
  const bytes = waiting(tape, packed, after);
  const elements = shaped(tape, unpacked(tape, bytes, { bits, dtype }), [rows, blocks, blockSize]);
  const zeros = zeroPoints ? zerosOfBlocks(tape, quantized, blocks) : tape.scalar(2 ** (bits - 1), dtype);
  const centred = sub(tape, elements, zeros);
  return shaped(tape, mul(tape, centred, shaped(tape, scales, [rows, blocks, 1])), [rows, blocks * blockSize]);
}

/** The zero points as [rows, blocks, 1]. */
function zerosOfBlocks(tape: Tape, { zeroPoints, scales, rows, bits }: QuantizedRows, blocks: number): Value {
  if (zeroPoints === undefined || zeroPoints.dtype !== 'uint8')
    return shaped(tape, zeroPoints ?? scales, [rows, blocks, 1]);
  const perRow = bits === 4 ? 2 * Math.ceil(blocks / 2) : blocks;
  const all = shaped(tape, unpacked(tape, zeroPoints, { bits, dtype: scales.dtype ?? 'float32' }), [rows, perRow, 1]);
  if (perRow === blocks) return all;
  return tape.op('Slice', [all, tape.int64s([0]), tape.int64s([blocks]), tape.int64s([1])]);
}

/** The same bytes as a list that depends on `after`. */
export function waiting(tape: Tape, bytes: Value, after: Value): Value {
  const target = add(tape, tape.int64s([-1]), zeroAfter(tape, after, 'int64'));
  return tape.op('Reshape', [bytes, target], { shape: [bytes.shape && multiplyDims(...bytes.shape)] });
}

/** Converts unsigned integers of 4 or 8 bits to floats. With 4 bits, the two elements of a byte are on a new last axis. */
function unpacked(tape: Tape, bytes: Value, { bits, dtype }: { bits: 4 | 8; dtype: DataType }): Value {
  const attributes = { to: dataTypeNumber(dtype) };
  if (bits === 8) return tape.op('Cast', [bytes], { attributes });
  const { lower, upper } = halves(tape, bytes);
  const pairs = [lower, upper].map((half) => tape.op('Unsqueeze', [half, tape.int64s([-1])]));
  return tape.op('Cast', [tape.op('Concat', pairs, { attributes: { axis: -1 } })], { attributes });
}

/** The two halves of each byte, 0 to 15. */
export function halves(tape: Tape, bytes: Value): { readonly lower: Value; readonly upper: Value } {
  const four = tape.constant(tensorOf('uint8', [], [4]));
  const upper = tape.op('BitShift', [bytes, four], { attributes: { direction: 'RIGHT' } });
  const lower = sub(tape, bytes, tape.op('BitShift', [upper, four], { attributes: { direction: 'LEFT' } }));
  return { lower, upper };
}

/** Reshapes `x`. Records nothing if it already has the shape. */
function shaped(tape: Tape, x: Value, shape: readonly number[]): Value {
  const isSo = x.shape?.length === shape.length && shape.every((dim, i) => dim === x.shape?.[i]);
  return isSo ? x : tape.op('Reshape', [x, tape.int64s(shape)], { shape });
}
