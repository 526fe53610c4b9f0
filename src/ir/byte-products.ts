import { tensorOf } from '../tensor/index.ts';
import type { Value } from './graph.ts';
import type { Tape } from './tape.ts';

/** Rows of floats as bytes: x ≈ scale · (levels − 128) / 127. */
export interface RoundedRows {
  /** u8 [tokens, in] */
  readonly levels: Value;
  /** f32 [tokens, 1] */
  readonly scale: Value;
}

/** Rounds each row to 255 levels of its own. @param x  f32 [tokens, in] */
export function roundedRows(tape: Tape, x: Value): RoundedRows {
  const largest = tape.op('ReduceMax', [tape.op('Abs', [x]), tape.int64s([-1])], { attributes: { keepdims: 1 } });
  // WHY a lower bound: for a token of zeros, max|x| is 0, and 0 / 0 would be NaN.
  const scale = tape.op('Max', [largest, tape.scalar(1e-30)]);
  const { step, middle } = byteRounding(tape);
  return { levels: tape.op('QuantizeLinear', [tape.op('Div', [x, scale]), step, middle]), scale };
}

/** A matrix of bytes. */
export interface ByteWeight {
  /** Of the checkpoint's matrix: the columns of the product. */
  readonly rows: number;
  /** i8; otherwise u8, where 128 stands for zero. */
  readonly signed: boolean;
}

/** What a product of bytes reads: rounded rows, bytes [columns, rows], and f32 [rows]. */
export interface ByteInputs extends ByteWeight {
  readonly levels: Value;
  readonly matrix: Value;
  readonly scales: Value;
}

/** The product of rounded rows, without the scale of each row. @returns f32 [tokens, out] */
export function byteProduct(tape: Tape, { levels, matrix, scales, ...weight }: ByteInputs): Value {
  const { step, middle } = byteRounding(tape);
  const inputs = [levels, matrix, step, scales, middle, ...middlesOf(tape, weight)];
  return tape.op('MatMulIntegerToFloat', inputs, { domain: 'com.microsoft' });
}

/**
 * f32 [] 1 / 127 and u8 [] 128. A tape, and those that were made of it, have each constant once, so that those of rows and of products are
 * the same values.
 */
export function byteRounding(tape: Tape): { readonly step: Value; readonly middle: Value } {
  return { step: tape.scalar(1 / 127), middle: tape.constant(tensorOf('uint8', [], Uint8Array.of(128))) };
}

/** u8 [out]; signed bytes have none. */
export function middlesOf(tape: Tape, { rows, signed }: ByteWeight): Value[] {
  return signed ? [] : [tape.constant(tensorOf('uint8', [rows], new Uint8Array(rows).fill(128)))];
}
