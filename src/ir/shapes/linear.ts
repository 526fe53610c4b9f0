import type { Dim, Shape } from '../dim.ts';
import { broadcastShapes } from './broadcast.ts';
import { formatShape, type InferRule, type InferRules, type OpView } from './infer-rule.ts';

/** A·B over the last two axes, the others broadcast; a vector gains an axis and loses it again (numpy). */
function product(op: OpView, transA: boolean, transB: boolean): Shape | undefined {
  const [a, b] = [swapLast(op.shape(0), transA), swapLast(op.shape(1), transB)];
  if (a === undefined || b === undefined) return undefined;
  if (a.length === 0 || b.length === 0) throw op.error('a scalar has no matrix product');
  const inner = b.length === 1 ? b[0] : b.at(-2);
  assertSame(op, a.at(-1), inner, `the inner dimensions of ${formatShape(a)} and ${formatShape(b)} differ`);
  const batch = broadcastShapes(op, [a.slice(0, -2), b.slice(0, -2)]) ?? [];
  return [...batch, ...(a.length > 1 ? [a.at(-2)] : []), ...(b.length > 1 ? [b.at(-1)] : [])];
}

function swapLast(shape: Shape | undefined, swap: boolean): Shape | undefined {
  if (!swap || shape === undefined || shape.length < 2) return shape;
  return [...shape.slice(0, -2), shape.at(-1), shape.at(-2)];
}

function assertSame(op: OpView, a: Dim, b: Dim, reason: string): void {
  if (typeof a === 'number' && typeof b === 'number' && a !== b) throw op.error(reason);
}

const matMul: InferRule = (op) => ({ dtype: op.dtype(0), shape: product(op, false, false) });

const matMulInteger: InferRule = (op) => ({ dtype: 'int32', shape: product(op, false, false) });

const fusedMatMul: InferRule = (op) => ({
  dtype: op.dtype(0),
  shape: product(op, isSet(op, 'transA'), isSet(op, 'transB')),
});

/** Y [m, n] = A [m, k] · B [k, n] + C, either transposed; C broadcasts to Y. */
const gemm: InferRule = (op) => {
  const [a, b] = [op.shape(0), op.shape(1)];
  if ((a && a.length !== 2) || (b && b.length !== 2)) {
    throw op.error(`Gemm takes matrices, not ${formatShape(a)} and ${formatShape(b)}`);
  }
  const shape = product(op, isSet(op, 'transA'), isSet(op, 'transB'));
  if (shape && op.has(2)) broadcastShapes(op, [shape, op.shape(2)]);
  return { dtype: op.dtype(0), shape };
};

/** Weights packed in blocks: Y [..., N] of A [..., K]. */
const matMulBlocks: InferRule = (op) => {
  const shape = op.shape(0);
  return { dtype: op.dtype(0), shape: shape && [...shape.slice(0, -1), op.node.intAttribute('N')] };
};

function isSet(op: OpView, attribute: string): boolean {
  return op.node.intAttribute(attribute, 0) !== 0;
}

export const linearRules: InferRules = {
  MatMul: matMul,
  MatMulInteger: matMulInteger,
  Gemm: gemm,
  'com.microsoft:FusedMatMul': fusedMatMul,
  'com.microsoft:MatMulNBits': matMulBlocks,
  'com.microsoft:MatMulBnb4': matMulBlocks,
};
