import { multiplyDims, type Dim, type Shape } from '../dim.ts';
import type { InferRule, InferRules, OpView } from './infer-rule.ts';

/** Axes are an attribute in older operator sets and an input in newer ones. Without axes all are reduced. */
const reduce: InferRule = (op) => {
  const shape = op.shape(0);
  const axes = op.integers('axes', 1);
  const keeps = op.node.intAttribute('keepdims', 1) !== 0;
  const dtype = op.dtype(0);
  if (shape === undefined) return { dtype };
  if (axes === undefined && op.hasIntegers('axes', 1))
    return { dtype, shape: keeps ? shape.map(() => undefined) : undefined };
  if ((axes?.length ?? 0) === 0 && op.node.intAttribute('noop_with_empty_axes', 0) !== 0) return { dtype, shape };
  return { dtype, shape: reducedShape(op, shape, axes, keeps) };
};

function reducedShape(op: OpView, shape: Shape, axes: readonly number[] | undefined, keeps: boolean): Shape {
  const reduced = new Set(axes?.length ? axes.map((axis) => op.axis(axis, shape.length)) : shape.keys());
  if (keeps) return shape.map((dim, axis) => (reduced.has(axis) ? 1 : dim));
  return shape.filter((_, axis) => !reduced.has(axis));
}

/** Multiplies the elements of a shape too, because exporters compute the number of elements in this way. */
const reduceProduct: InferRule = (op) => {
  const elements = op.elements(0);
  const product: readonly Dim[] | undefined = elements && [multiplyDims(...elements)];
  return { ...reduce(op), elements: op.shape(0)?.length === 1 ? product : undefined };
};

const argument: InferRule = (op) => {
  const shape = op.shape(0);
  const keeps = op.node.intAttribute('keepdims', 1) !== 0;
  return { dtype: 'int64', shape: shape && reducedShape(op, shape, [op.node.intAttribute('axis', 0)], keeps) };
};

const names = 'ReduceSum ReduceMean ReduceMax ReduceMin ReduceSumSquare ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp';

export const reductionRules: InferRules = {
  ...Object.fromEntries(names.split(' ').map((name) => [name, reduce])),
  ReduceProd: reduceProduct,
  ArgMax: argument,
  ArgMin: argument,
};
