import { typedArray } from '../../tensor/index.ts';
import { multiplyDims, type Dim } from '../dim.ts';
import type { InferRule, InferRules, OpView } from './infer-rule.ts';

/** The sizes are an input, or follow from constant scales. */
const resize: InferRule = (op) => {
  const shape = op.shape(0);
  if (shape === undefined) return { dtype: op.dtype(0) };
  const axes = op.node.intsAttribute('axes')?.map((axis) => op.axis(axis, shape.length)) ?? [...shape.keys()];
  if (op.node.stringAttribute('keep_aspect_ratio_policy', 'stretch') !== 'stretch') {
    return { dtype: op.dtype(0), shape: shape.map((dim, axis) => (axes.includes(axis) ? undefined : dim)) };
  }
  const [sizes, scales] = [op.elements(3), constantFloats(op, 2)];
  const found = (dim: Dim, place: number): Dim => (sizes ? sizes[place] : scaled(dim, scales?.[place]));
  return {
    dtype: op.dtype(0),
    shape: shape.map((dim, axis) => (axes.includes(axis) ? found(dim, axes.indexOf(axis)) : dim)),
  };
};

/** Rounds down. A symbol can only be multiplied by an integer. */
function scaled(dim: Dim, scale: number | undefined): Dim {
  if (scale === undefined || !(scale > 0)) return undefined;
  if (typeof dim === 'number') return Math.floor(dim * scale);
  return Number.isInteger(scale) ? multiplyDims(dim, scale) : undefined;
}

function constantFloats(op: OpView, index: number): Float32Array | undefined {
  const input = op.node.inputs[index];
  const constant =
    input?.constant ?? (input?.producer?.opType === 'Constant' ? input.producer.tensorAttribute('value') : undefined);
  if (constant?.kind !== 'inline' || constant.tensor.dtype !== 'float32') return undefined;
  return typedArray({ ...constant.tensor, dtype: 'float32' });
}

export const resamplingRules: InferRules = { Resize: resize };
