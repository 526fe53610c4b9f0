import { addDims, canonicalDim, multiplyDims, type Dim, type Shape } from '../dim.ts';
import type { InferRule, InferRules, OpView, TypeInfo } from './infer-rule.ts';

/** The parameters of a window along one spatial axis. */
interface Window {
  readonly size: Dim;
  readonly stride: number;
  readonly dilation: number;
  readonly before: number;
  readonly after: number;
}

/** Y [batch, filters, spatial...] of X [batch, channels, spatial...] and W [filters, channels/group, kernel...]. */
const conv: InferRule = (op): TypeInfo => {
  const [x, w] = [op.shape(0), op.shape(1)];
  if (x === undefined || w === undefined) return { dtype: op.dtype(0) };
  return { dtype: op.dtype(0), shape: [x[0], w[0], ...slideAlong(op, x, w.slice(2))] };
};

/** Y [batch, channels, spatial...], and the indices of the selected elements. */
const pool: InferRule = (op) => {
  const x = op.shape(0);
  const kernel = op.node.intsAttribute('kernel_shape');
  if (x === undefined || kernel === undefined) return [{ dtype: op.dtype(0) }, { dtype: 'int64' }];
  const shape = [x[0], x[1], ...slideAlong(op, x, kernel)];
  return [
    { dtype: op.dtype(0), shape },
    { dtype: 'int64', shape },
  ];
};

/** All spatial axes become 1. */
const globalPool: InferRule = (op) => ({
  dtype: op.dtype(0),
  shape: op.shape(0)?.map((dim, axis) => (axis < 2 ? dim : 1)),
});

/** Y [batch, filters, spatial...] of X [batch, channels, spatial...] and W [channels, filters/group, kernel...]. */
const convTranspose: InferRule = (op) => {
  const [x, w] = [op.shape(0), op.shape(1)];
  if (x === undefined || w === undefined) return { dtype: op.dtype(0) };
  const filters = multiplyDims(w[1], op.node.intAttribute('group', 1));
  const given = op.node.intsAttribute('output_shape');
  const spatial = given ?? x.slice(2).map((size, axis) => spreadAlong(op, size, w[axis + 2], axis, x.length - 2));
  return { dtype: op.dtype(0), shape: [x[0], filters, ...spatial] };
};

function slideAlong(op: OpView, x: Shape, kernel: Shape): Dim[] {
  const spatial = x.slice(2);
  return spatial.map((size, axis) => slide(op, size, windowOf(op, kernel[axis], axis, spatial.length)));
}

function windowOf({ node }: OpView, size: Dim, axis: number, axes: number): Window {
  const pads = node.stringAttribute('auto_pad', 'NOTSET') === 'VALID' ? [] : (node.intsAttribute('pads') ?? []);
  return {
    size,
    stride: node.intsAttribute('strides')?.[axis] ?? 1,
    dilation: node.intsAttribute('dilations')?.[axis] ?? 1,
    before: pads[axis] ?? 0,
    after: pads[axis + axes] ?? 0,
  };
}

function slide(op: OpView, size: Dim, { stride, dilation, before, after, ...window }: Window): Dim {
  if (stride <= 0) throw op.error(`its stride is ${stride}`);
  const isSame = op.node.stringAttribute('auto_pad', 'NOTSET').startsWith('SAME');
  const reach = typeof window.size === 'number' ? dilation * (window.size - 1) + 1 : undefined;
  if (reach === undefined || size === undefined) return undefined;
  if (isSame) return stride === 1 ? size : quotient(addDims(size, stride - 1), stride);
  const room = addDims(size, before, after, -reach);
  const isUp = op.node.intAttribute('ceil_mode', 0) !== 0;
  if (!isUp || stride === 1) return addDims(quotient(room, stride), 1);
  return typeof room === 'number' ? roundedUp(room, { size, stride, before }) : undefined;
}

/** With ceil_mode the last window may reach beyond the end, but must begin before it. */
function roundedUp(room: number, { size, stride, before }: { size: Dim; stride: number; before: number }): number {
  const count = Math.ceil(room / stride) + 1;
  return typeof size === 'number' && (count - 1) * stride >= size + before ? count - 1 : count;
}

/** Rounds down. The quotient of a symbol is a new symbol. */
function quotient(dim: Dim, divisor: number): Dim {
  if (divisor === 1 || dim === undefined) return dim;
  return typeof dim === 'number' ? Math.floor(dim / divisor) : canonicalDim(`(${dim})//${divisor}`);
}

function spreadAlong(op: OpView, size: Dim, kernel: Dim, axis: number, axes: number): Dim {
  const { stride, dilation, before, after } = windowOf(op, kernel, axis, axes);
  if (op.node.stringAttribute('auto_pad', 'NOTSET').startsWith('SAME')) return multiplyDims(size, stride);
  const extra = op.node.intsAttribute('output_padding')?.[axis] ?? 0;
  const reach = typeof kernel === 'number' ? dilation * (kernel - 1) + 1 : undefined;
  return addDims(multiplyDims(addDims(size, -1), stride), reach, extra, -before, -after);
}

export const windowRules: InferRules = {
  Conv: conv,
  ConvTranspose: convTranspose,
  MaxPool: pool,
  AveragePool: pool,
  LpPool: pool,
  GlobalAveragePool: globalPool,
  GlobalMaxPool: globalPool,
};
