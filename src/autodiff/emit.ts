/** Functions that record operators which gradient rules often need. */
import { dataTypeNumber, type DataType } from '../tensor/index.ts';
import { float, type Dim, type Tape, type Value } from '../ir/index.ts';

export const microsoft = 'com.microsoft';

export function add(tape: Tape, a: Value, b: Value): Value {
  return tape.op('Add', [a, b]);
}

export function sub(tape: Tape, a: Value, b: Value): Value {
  return tape.op('Sub', [a, b]);
}

export function mul(tape: Tape, a: Value, b: Value): Value {
  return tape.op('Mul', [a, b]);
}

export function div(tape: Tape, a: Value, b: Value): Value {
  return tape.op('Div', [a, b]);
}

/** An operator of one input, whose output has its type and shape: Exp, Neg, Sigmoid, ... */
export function unary(tape: Tape, opType: string, x: Value): Value {
  return tape.op(opType, [x], sameAs(x));
}

/** x · factor. Records nothing if the factor is 1. */
export function scale(tape: Tape, x: Value, factor: number): Value {
  if (factor === 1) return x;
  return factor === -1 ? unary(tape, 'Neg', x) : mul(tape, x, scalar(tape, factor, x));
}

/** x + number */
export function shift(tape: Tape, x: Value, number: number): Value {
  return add(tape, x, scalar(tape, number, x));
}

/** A constant of rank 0 with the type of `like`. */
export function scalar(tape: Tape, value: number, like: Value): Value {
  return tape.scalar(value, like.dtype ?? 'float32');
}

/** Sums over the axes. With keepDims the axes stay, with size 1. Without axes nothing is recorded. */
export function sumOver(tape: Tape, x: Value, axes: readonly number[], keepDims: boolean): Value {
  if (axes.length === 0) return x;
  return tape.op('ReduceSum', [x, tape.int64s(axes)], { attributes: { keepdims: keepDims ? 1 : 0 } });
}

export function cast(tape: Tape, x: Value, dtype: DataType): Value {
  if (x.dtype === dtype) return x;
  return tape.op('Cast', [x], { attributes: { to: dataTypeNumber(dtype) }, dtype, ...(x.shape && { shape: x.shape }) });
}

/** `x` where the condition is true, otherwise 0. */
export function keepWhere(tape: Tape, condition: Value, x: Value): Value {
  return tape.op('Where', [condition, x, scalar(tape, 0, x)]);
}

export interface ProductOptions {
  readonly transA?: boolean;
  readonly transB?: boolean;
  readonly alpha?: number;
}

/**
 * alpha · op(a) · op(b) of two matrices: a MatMul if nothing is transposed or scaled, otherwise one Gemm. For both, ONNX Runtime
 * packs a constant b once, when it loads the model. FusedMatMul would pack it at each call.
 */
export function matrixProduct(tape: Tape, a: Value, b: Value, options: ProductOptions = {}): Value {
  const { transA = false, transB = false, alpha = 1 } = options;
  if (!transA && !transB && alpha === 1) return tape.op('MatMul', [a, b]);
  return tape.op('Gemm', [a, b], { attributes: { ...flags(transA, transB), alpha: float(alpha) } });
}

/** alpha · op(a) · op(b) over batches of matrices, with broadcasting of the batch axes. */
export function batchedProduct(tape: Tape, a: Value, b: Value, options: ProductOptions = {}): Value {
  const { transA = false, transB = false, alpha = 1 } = options;
  if (!transA && !transB && alpha === 1) return tape.op('MatMul', [a, b]);
  const attributes = { ...flags(transA, transB), alpha: float(alpha) };
  return tape.op('FusedMatMul', [a, b], { domain: microsoft, attributes });
}

function flags(transA: boolean, transB: boolean): Record<string, number> {
  return { ...(transA && { transA: 1 }), ...(transB && { transB: 1 }) };
}

/** The type and shape of a value, as options of an operator whose output has the same. */
export function sameAs(value: Value): { dtype?: DataType; shape?: readonly Dim[] } {
  return { ...(value.dtype && { dtype: value.dtype }), ...(value.shape && { shape: value.shape }) };
}
