import { divideDims, multiplyDims, type Dim, type Shape } from '../dim.ts';
import { broadcastShapes } from './broadcast.ts';
import { formatShape, unknownElements, type InferRule, type InferRules, type OpView } from './infer-rule.ts';

/** The target shape is an input: 0 keeps the dimension of the data (unless allowzero), and one -1 is the remaining size. */
const reshape: InferRule = (op) => {
  const target = op.elements(1) ?? unknownElements(op.shape(1));
  if (target === undefined) return { dtype: op.dtype(0) };
  const data = op.shape(0);
  const keepsZero = op.node.intAttribute('allowzero', 0) === 0;
  const dims = target.map((dim, i) => (dim === 0 && keepsZero ? data?.[i] : dim));
  const shape = fillRest(op, dims, data);
  return { dtype: op.dtype(0), shape, elements: shape.length <= 1 ? op.elements(0) : undefined };
};

/** Computes the one dimension that is -1 or unknown from the number of elements. */
function fillRest(op: OpView, dims: readonly Dim[], data: Shape | undefined): Shape {
  const open = dims.flatMap((dim, i) => (dim === -1 || dim === undefined ? [i] : []));
  const count = data && multiplyDims(...data);
  const rest = multiplyDims(...dims.filter((_, i) => !open.includes(i)));
  const [only] = open;
  if (open.length === 1 && only !== undefined) return dims.with(only, quotient(op, count, rest));
  if (open.length === 0) assertCount(op, count, rest, dims, data);
  return dims.map((dim) => (dim === -1 ? undefined : dim));
}

function quotient(op: OpView, count: Dim, rest: Dim): Dim {
  const result = divideDims(count, rest);
  if (result === undefined && typeof count === 'number' && typeof rest === 'number' && rest !== 0) {
    throw op.error(`${count} elements cannot be divided by ${rest}`);
  }
  return result;
}

function assertCount(op: OpView, count: Dim, rest: Dim, dims: Shape, data: Shape | undefined): void {
  if (typeof count !== 'number' || typeof rest !== 'number' || count === rest) return;
  throw op.error(`${formatShape(data)} has ${count} elements and ${formatShape(dims)} has ${rest}`);
}

const flatten: InferRule = (op) => {
  const shape = op.shape(0);
  if (shape === undefined) return { dtype: op.dtype(0) };
  const axis = op.node.intAttribute('axis', 1);
  const split = axis < 0 ? axis + shape.length : axis;
  const sides = [shape.slice(0, split), shape.slice(split)];
  return { dtype: op.dtype(0), shape: sides.map((side) => multiplyDims(...side)) };
};

const squeeze: InferRule = (op) => {
  const data = op.shape(0);
  const types = { dtype: op.dtype(0), elements: op.elements(0) };
  const given = op.integers('axes', 1);
  if (data === undefined || (given === undefined && op.hasIntegers('axes', 1))) return types;
  if (given === undefined && data.some((dim) => typeof dim !== 'number')) return types;
  const axes = given?.map((axis) => op.axis(axis, data.length));
  const removed = (dim: Dim, axis: number): boolean => (axes ? axes.includes(axis) : dim === 1);
  const wrong = axes?.find((axis) => typeof data[axis] === 'number' && data[axis] !== 1);
  if (wrong !== undefined) throw op.error(`axis ${wrong} of ${formatShape(data)} is not 1`);
  return { ...types, shape: data.filter((dim, axis) => !removed(dim, axis)) };
};

const unsqueeze: InferRule = (op) => {
  const data = op.shape(0);
  const axes = op.integers('axes', 1);
  if (data === undefined || axes === undefined) return { dtype: op.dtype(0) };
  const rank = data.length + axes.length;
  const added = new Set(axes.map((axis) => op.axis(axis, rank)));
  let next = 0;
  const shape = Array.from({ length: rank }, (_, axis) => (added.has(axis) ? 1 : data[next++]));
  return { dtype: op.dtype(0), shape, elements: rank === 1 ? op.elements(0) : undefined };
};

const transpose: InferRule = (op) => {
  const shape = op.shape(0);
  const perm = op.node.intsAttribute('perm') ?? shape?.map((_, i) => i).reverse();
  if (shape && perm && new Set(perm).size !== shape.length) {
    throw op.error(`perm [${perm.join(', ')}] does not order the axes of ${formatShape(shape)}`);
  }
  return { dtype: op.dtype(0), shape: shape && perm?.map((axis) => shape[op.axis(axis, shape.length)]) };
};

const expand: InferRule = (op) => {
  const target = op.elements(1) ?? unknownElements(op.shape(1));
  return { dtype: op.dtype(0), shape: broadcastShapes(op, [op.shape(0), target]) };
};

const tile: InferRule = (op) => {
  const repeats = op.elements(1);
  const shape = op.shape(0)?.map((dim, i) => (repeats ? multiplyDims(dim, repeats[i]) : undefined));
  return { dtype: op.dtype(0), shape };
};

export const reshapeRules: InferRules = {
  Reshape: reshape,
  Flatten: flatten,
  Squeeze: squeeze,
  Unsqueeze: unsqueeze,
  Transpose: transpose,
  Expand: expand,
  Tile: tile,
};
