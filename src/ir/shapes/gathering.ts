import { multiplyDims, type Dim } from '../dim.ts';
import type { InferRule, InferRules, OpView } from './infer-rule.ts';

/** data[..., indices, ...] along one axis. */
const gather: InferRule = (op) => {
  const [data, indices] = [op.shape(0), op.shape(1)];
  const types = { dtype: op.dtype(0), elements: gatherElements(op) };
  if (data === undefined || indices === undefined) return types;
  const axis = op.axis(op.node.intAttribute('axis', 0), data.length);
  return { ...types, shape: [...data.slice(0, axis), ...indices, ...data.slice(axis + 1)] };
};

function gatherElements(op: OpView): readonly Dim[] | undefined {
  const [elements, indices] = [op.elements(0), op.numbers(1)];
  return elements && indices?.map((index) => elements.at(index));
}

const gatherElementsRule: InferRule = (op) => ({ dtype: op.dtype(0), shape: op.shape(1) });

/** The last axis of indices [..., n] indexes the first n axes of data, after `batch_dims` common axes. */
const gatherNd: InferRule = (op) => {
  const [data, indices] = [op.shape(0), op.shape(1)];
  const depth = indices?.at(-1);
  if (data === undefined || indices === undefined || typeof depth !== 'number') return { dtype: op.dtype(0) };
  const batch = op.node.intAttribute('batch_dims', 0);
  return { dtype: op.dtype(0), shape: [...indices.slice(0, -1), ...data.slice(batch + depth)] };
};

/** The result has the type and shape of the data, some of whose elements are replaced. */
const scatter: InferRule = (op) => ({ dtype: op.dtype(0), shape: op.shape(0) });

const oneHot: InferRule = (op) => {
  const indices = op.shape(0);
  const depth = op.elements(1)?.[0];
  if (indices === undefined) return { dtype: op.dtype(2) };
  const axis = op.axis(op.node.intAttribute('axis', -1), indices.length + 1);
  return { dtype: op.dtype(2), shape: [...indices.slice(0, axis), depth, ...indices.slice(axis)] };
};

/** Rows of a quantized table: the indices' axes replace the gathered axis, then the row's width. Two 4-bit elements may share a byte. */
const gatherBlocks: InferRule = (op) => {
  const [data, indices] = [op.shape(0), op.shape(1)];
  if (data === undefined || indices === undefined) return { dtype: op.dtype(2) };
  const axis = op.axis(op.node.intAttribute('gather_axis', 0), data.length);
  const isPacked = op.dtype(0) === 'uint8' && op.node.intAttribute('bits', 4) === 4;
  const last = data.length - 1;
  const rows = isPacked ? data.map((dim, i) => (i === last ? multiplyDims(dim, 2) : dim)) : data;
  return { dtype: op.dtype(2), shape: [...rows.slice(0, axis), ...indices, ...rows.slice(axis + 1)] };
};

const topK: InferRule = (op) => {
  const data = op.shape(0);
  if (data === undefined) return [{ dtype: op.dtype(0) }, { dtype: 'int64' }];
  const axis = op.axis(op.node.intAttribute('axis', -1), data.length);
  const count = op.node.intAttribute('k') ?? op.elements(1)?.[0];
  const shape = data.with(axis, count);
  return [
    { dtype: op.dtype(0), shape },
    { dtype: 'int64', shape },
  ];
};

export const gatheringRules: InferRules = {
  Gather: gather,
  GatherElements: gatherElementsRule,
  GatherND: gatherNd,
  ScatterElements: scatter,
  ScatterND: scatter,
  OneHot: oneHot,
  TopK: topK,
  'com.microsoft:GatherBlockQuantized': gatherBlocks,
};
