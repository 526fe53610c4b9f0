import type { Tape, Value } from '../../ir/index.ts';
import { dataTypeNumber, tensorOf } from '../../tensor/index.ts';
import { mxfp4Block, mxfp4Doubles, mxfp4HalfScale } from '../quantized/foreign/mxfp4.ts';
import type { Mxfp4Weight } from '../weight-ref.ts';
import type { GraphBuilder } from './graph-builder.ts';

export interface Mxfp4Matrix {
  readonly path: string;
  /** The name of the matrix in the checkpoint. */
  readonly name: string;
  readonly weight: Mxfp4Weight;
}

/**
 * Computes y = x·Wᵀ for a W in MXFP4, with exactly its numbers, as one product with two matrices of 4 bits side by side:
 *
 *   y = [x x]·[P Q]ᵀ,   W = P + Q,   2·f = p + q,   p = clip(2·f, −8, 7),   both with half of the scale of f
 *
 * WHY two matrices: 2·f is an integer of at most ±12, which no integer of 4 bits is. In 8 bits, ONNX Runtime would need many times as
 * long for a token (`findings/ort-nbits8-accuracy-level.sh`).
 *
 * Bits are moved by operators on constants, which ONNX Runtime computes once, when it loads the model.
 *
 * @param x  f32 [tokens, columns]
 * @returns f32 [tokens, rows]
 */
export function mxfp4Product(builder: GraphBuilder, x: Value, { path, name, weight }: Mxfp4Matrix): Value {
  const { rows, columns, scales: ref } = weight;
  const groups = columns / mxfp4Block;
  const tape = builder.tape(`${path}/packed`);
  const bytes = builder.bytesOf(name, [rows, groups, mxfp4Block / 2]);
  const parts = [clipped, (double: number) => double - clipped(double)].map((part) => {
    return looked(tape, bytes, tensorOf('uint8', [256], packedTable(part)));
  });
  const halves = Float32Array.from({ length: 256 }, (_, byte) => mxfp4HalfScale(byte));
  const scales = looked(tape, builder.bytesOf(ref, [rows, groups]), tensorOf('float32', [256], halves));
  const packed = tape.op('Concat', parts, { attributes: { axis: 1 } });
  const both = tape.op('Concat', [scales, scales], { attributes: { axis: 1 } });
  const inputs = [
    tape.op('Concat', [x, x], { attributes: { axis: -1 } }),
    packed,
    tape.op('Reshape', [both, tape.int64s([-1])], { shape: [2 * rows * groups] }),
  ];
  const attributes = { K: 2 * columns, N: rows, bits: 4, block_size: mxfp4Block, accuracy_level: 0 };
  return builder.tape(path).op('MatMulNBits', inputs, { domain: 'com.microsoft', attributes });
}

function clipped(double: number): number {
  return Math.min(7, Math.max(-8, double));
}

/** For each byte of two numbers, the byte of the same part of both. 8 stands for 0. */
function packedTable(part: (double: number) => number): Uint8Array {
  const code = (number: number): number => 8 + part(mxfp4Doubles[number] ?? 0);
  return Uint8Array.from({ length: 256 }, (_, byte) => code(byte & 15) | (code(byte >> 4) << 4));
}

/** The entries of a table at the places that the bytes name. */
function looked(tape: Tape, bytes: Value, table: ReturnType<typeof tensorOf>): Value {
  const index = tape.op('Cast', [bytes], { attributes: { to: dataTypeNumber('int32') } });
  return tape.op('Gather', [tape.constant(table), index], { attributes: { axis: 0 } });
}
