import { type Tape, type Value } from '../../ir/index.ts';
import { dataTypeNumber, tensorOf } from '../../tensor/index.ts';
import { groupCount, isByRow } from '../quantized/foreign/grouped-weight.ts';
import type { GraphBuilder } from './graph-builder.ts';
import type { GroupedWeight, WeightRef } from '../weight-ref.ts';

/** What a MatMulNBits reads: u8 [rows, blocks, bytes], f32 [rows · blocks], u8 zero points. */
export interface BlockInputs {
  readonly packed: Value;
  readonly scales: Value;
  readonly zeroPoints: Value | undefined;
  readonly blockSize: number;
}

/**
 * The size of the blocks in which MatMulNBits can hold the matrix exactly: a power of two that divides the groups. undefined if there
 * is none.
 */
export function exactBlockSize({ columns, groupSize, order }: GroupedWeight): number | undefined {
  if (order !== undefined) return undefined;
  const divides = (size: number): boolean => columns % size === 0 && (groupSize === columns || groupSize % size === 0);
  return [128, 64, 32, 16].find(divides);
}

/**
 * Packs the matrix as MatMulNBits reads it, with bits moved by operators on constants. ONNX Runtime computes them once, when it loads
 * the model, so the model is held in as few bits as in its file.
 */
export function groupedBlocks(builder: GraphBuilder, at: GroupedMatrix, blockSize: number): BlockInputs {
  const { weight } = at;
  const { rows, columns, bits, groupSize } = weight;
  const tape = builder.tape(`${at.path}/packed`);
  const blocks = columns / blockSize;
  const shaped = (value: Value, shape: readonly number[]): Value => tape.op('Reshape', [value, tape.int64s(shape)]);
  const { scales, zeros } = groupNumbers(builder, tape, weight);
  const groupOf = Array.from({ length: blocks }, (_, block) => Math.floor((block * blockSize) / groupSize));
  const perBlock = (value: Value): Value =>
    blocks === groupCount(weight) ? value : gather(tape, value, { indices: groupOf, axis: 1 });
  return {
    packed: shaped(packedRows(builder, tape, at), [rows, blocks, (blockSize * bits) / 8]),
    scales: shaped(perBlock(scales), [rows * blocks]),
    zeroPoints: zeros && packedZeros(tape, perBlock(zeros), { rows, blocks, bits }),
    blockSize,
  };
}

export interface GroupedMatrix {
  readonly path: string;
  /** The name of the matrix in the checkpoint. */
  readonly name: string;
  readonly weight: GroupedWeight;
}

/** The matrix as f32 [rows, columns], computed once, when the model is loaded. */
export function groupedFloats(builder: GraphBuilder, at: GroupedMatrix): Value {
  const { weight } = at;
  const { rows, columns, bits, groupSize, order } = weight;
  const tape = builder.tape(`${at.path}/floats`);
  const { scales, zeros } = groupNumbers(builder, tape, weight);
  const groups = Array.from({ length: columns }, (_, column) => Math.floor(column / groupSize));
  const index =
    order === undefined ? tape.constant(tensorOf('int32', [columns], groups)) : builder.bytesOf(order, [columns]);
  const perColumn = (value: Value): Value => tape.op('Gather', [value, index], { attributes: { axis: 1 } });
  const levels = cast(tape, unpacked(tape, packedRows(builder, tape, at), { rows, columns, bits }), 'float32');
  const zero = zeros ? perColumn(cast(tape, zeros, 'float32')) : tape.scalar(2 ** (bits - 1));
  return tape.op('Mul', [tape.op('Sub', [levels, zero]), perColumn(scales)]);
}

/** Scales f32 [rows, groups] and zero points i32 [rows, groups]. */
function groupNumbers(builder: GraphBuilder, tape: Tape, weight: GroupedWeight): { scales: Value; zeros?: Value } {
  const { rows, scales: ref, zeroPoints } = weight;
  const groups = groupCount(weight);
  const stored = cast(tape, builder.bytesOf(ref, isByRow(weight) ? [rows, groups] : [groups, rows]), 'float32');
  const scales = isByRow(weight) ? stored : turned(tape, stored);
  return zeroPoints === undefined ? { scales } : { scales, zeros: zerosOf(builder, tape, { ...weight, zeroPoints }) };
}

function zerosOf(builder: GraphBuilder, tape: Tape, weight: GroupedWeight & { readonly zeroPoints: WeightRef }): Value {
  const { rows, zeroPoints, bits, layout, zeroOffset } = weight;
  const groups = groupCount(weight);
  if (zeroPoints.dtype === 'int8') {
    return shifting(tape, cast(tape, builder.bytesOf(zeroPoints, [rows, groups]), 'int32'), {
      by: 2 ** (bits - 1),
      bits,
    });
  }
  const words = (rows * bits) / 32;
  if (layout === 'packed') {
    const bytes = builder.bytesOf({ ...zeroPoints, dtype: 'uint8' }, [words, groups, 4]);
    const perm = bits === 4 ? [0, 2, 3, 1] : [0, 2, 1];
    const places = tape.op('Transpose', [inOrder(tape, bytes, bits)], { attributes: { perm } });
    return cast(tape, tape.op('Reshape', [places, tape.int64s([rows, groups])]), 'int32');
  }
  const bytes = builder.bytesOf({ ...zeroPoints, dtype: 'uint8' }, [groups, words, 4]);
  const places = layout === 'awq' ? inAwqOrder(tape, halves(tape, bytes)) : inOrder(tape, bytes, bits);
  const stored = cast(tape, tape.op('Reshape', [places, tape.int64s([groups, rows])]), 'int32');
  return turned(tape, zeroOffset === 0 ? stored : shifting(tape, stored, { by: zeroOffset, bits }));
}

/** Adds to integers, modulo 2^bits. */
function shifting(tape: Tape, value: Value, { by, bits }: { readonly by: number; readonly bits: number }): Value {
  const sum = tape.op('Add', [value, tape.scalar(by, 'int32')]);
  return tape.op('BitwiseAnd', [sum, tape.scalar(2 ** bits - 1, 'int32')]);
}

/** u8 [rows, columns · bits / 8]; with 4 bits, the first of two numbers in the lower half of a byte. */
function packedRows(builder: GraphBuilder, tape: Tape, { name, weight }: GroupedMatrix): Value {
  const { layout, rows, columns, bits } = weight;
  const shape = tape.int64s([rows, (columns * bits) / 8]);
  const bytes = (dims: readonly number[]): Value => builder.bytesOf({ ...builder.ref(name), dtype: 'uint8' }, dims);
  if (layout === 'packed') return bytes([rows, (columns * bits) / 8]);
  if (layout === 'bytes') {
    const middle = tape.constant(tensorOf('uint8', [], Uint8Array.of(128)));
    return tape.op('BitwiseXor', [bytes([rows, columns]), middle]);
  }
  if (layout === 'gptq') {
    // The bytes of a word are neighbours in a row already, in the right order.
    const words = bytes([(columns * bits) / 32, rows, 4]);
    return tape.op('Reshape', [tape.op('Transpose', [words], { attributes: { perm: [1, 0, 2] } }), shape]);
  }
  const pairs = tape.ops('Split', [bytes([columns / 2, 2, rows / 8, 4])], {
    outputs: 2,
    attributes: { axis: 1, num_outputs: 2 },
  });
  const [even, odd] = pairs.map((half) => halves(tape, half));
  if (even === undefined || odd === undefined) throw new TypeError('Split has two outputs');
  const joined = {
    lower: tape.op('BitwiseOr', [even.lower, shifted(tape, odd.lower, 'LEFT')]),
    upper: tape.op('BitwiseOr', [even.upper, shifted(tape, odd.upper, 'LEFT')]),
  };
  const lines = tape.op('Reshape', [inAwqOrder(tape, joined), tape.int64s([columns / 2, rows])]);
  return turned(tape, lines);
}

interface Halves {
  readonly lower: Value;
  readonly upper: Value;
}

/** The two numbers of 4 bits of each byte. */
function halves(tape: Tape, bytes: Value): Halves {
  return {
    lower: tape.op('BitwiseAnd', [bytes, tape.constant(tensorOf('uint8', [], Uint8Array.of(15)))]),
    upper: shifted(tape, bytes, 'RIGHT'),
  };
}

function shifted(tape: Tape, bytes: Value, direction: 'LEFT' | 'RIGHT'): Value {
  const count = tape.constant(tensorOf('uint8', [], Uint8Array.of(4)));
  return tape.op('BitShift', [bytes, count], { attributes: { direction } });
}

/** Puts eight numbers of a word, whose bytes hold rows (0, 2), (4, 6), (1, 3), (5, 7), in the order of rows, on the last axis. */
function inAwqOrder(tape: Tape, { lower, upper }: Halves): Value {
  const joined = tape.op('Concat', [lower, upper], { attributes: { axis: -1 } });
  return gather(tape, joined, { indices: [0, 2, 4, 6, 1, 3, 5, 7], axis: -1 });
}

/** The numbers of bytes in their order, on a new last axis for 4 bits. */
function inOrder(tape: Tape, bytes: Value, bits: 4 | 8): Value {
  if (bits === 8) return bytes;
  const { lower, upper } = halves(tape, bytes);
  const parts = [lower, upper].map((half) => tape.op('Unsqueeze', [half, tape.int64s([-1])]));
  return tape.op('Concat', parts, { attributes: { axis: -1 } });
}

function unpacked(
  tape: Tape,
  packed: Value,
  { rows, columns, bits }: { rows: number; columns: number; bits: 4 | 8 },
): Value {
  return tape.op('Reshape', [inOrder(tape, packed, bits), tape.int64s([rows, columns])]);
}

/** Packs zero points i32 [rows, blocks] as MatMulNBits reads them: each row begins at a byte. */
function packedZeros(
  tape: Tape,
  zeros: Value,
  { rows, blocks, bits }: { rows: number; blocks: number; bits: 4 | 8 },
): Value {
  const flat = tape.int64s([-1]);
  if (bits === 8) return cast(tape, tape.op('Reshape', [zeros, flat]), 'uint8');
  const padding = tape.constant(tensorOf('int32', [rows, 1], new Int32Array(rows)));
  const even = blocks % 2 === 0 ? zeros : tape.op('Concat', [zeros, padding], { attributes: { axis: 1 } });
  const pairs = tape.op('Reshape', [even, tape.int64s([rows, Math.ceil(blocks / 2), 2])]);
  const weighted = tape.op('Mul', [pairs, tape.constant(tensorOf('int32', [2], [1, 16]))]);
  const sums = tape.op('ReduceSum', [weighted, flat], { attributes: { keepdims: 0 } });
  return cast(tape, tape.op('Reshape', [sums, flat]), 'uint8');
}

function cast(tape: Tape, value: Value, dtype: 'float32' | 'int32' | 'uint8'): Value {
  if (value.dtype === dtype) return value;
  return tape.op('Cast', [value], { attributes: { to: dataTypeNumber(dtype) } });
}

function turned(tape: Tape, value: Value): Value {
  return tape.op('Transpose', [value], { attributes: { perm: [1, 0] } });
}

function gather(
  tape: Tape,
  value: Value,
  { indices, axis }: { readonly indices: readonly number[]; readonly axis: number },
): Value {
  return tape.op('Gather', [value, tape.int64s(indices)], { attributes: { axis } });
}
