import { addDims, divideDims, subtractDims, type Dim, type Shape } from '../dim.ts';
import {
  formatShape,
  maxElements,
  unknownElements,
  type InferRule,
  type InferRules,
  type OpView,
  type TypeInfo,
} from './infer-rule.ts';

const concat: InferRule = (op) => {
  const shapes = op.node.inputs.map((_, i) => op.shape(i));
  const [first] = shapes;
  const elements = concatElements(op);
  if (first === undefined || !shapes.every((shape) => shape !== undefined)) return { dtype: op.dtype(0), elements };
  const axis = op.axis(op.node.intAttribute('axis', 0), first.length);
  const shape = first.map((_, i) => {
    const dims = shapes.map((other) => other[i]);
    return i === axis ? addDims(...dims) : agreed(op, dims, shapes);
  });
  return { dtype: op.dtype(0), shape, elements };
};

function agreed(op: OpView, dims: readonly Dim[], shapes: readonly Shape[]): Dim {
  const numbers = new Set(dims.filter((dim) => typeof dim === 'number'));
  if (numbers.size > 1)
    throw op.error(`${shapes.map(formatShape).join(' and ')} differ beside the axis of concatenation`);
  const [number] = numbers;
  return number ?? dims.find((dim) => dim !== undefined);
}

/** Elements of inputs of which only the length is known are undefined. */
function concatElements(op: OpView): readonly Dim[] | undefined {
  const pieces = op.node.inputs.map((_, i) => op.elements(i) ?? unknownElements(op.shape(i)));
  if (pieces.length === 0 || !pieces.every((piece) => piece !== undefined)) return undefined;
  const count = pieces.reduce((sum, piece) => sum + piece.length, 0);
  return count <= maxElements ? pieces.flat() : undefined;
}

const split: InferRule = (op) => {
  const shape = op.shape(0);
  const { outputs } = op.node;
  if (shape === undefined) return outputs.map(() => ({ dtype: op.dtype(0) }));
  const axis = op.axis(op.node.intAttribute('axis', 0), shape.length);
  const sizes = op.integers('split', 1);
  const even = op.hasIntegers('split', 1) ? undefined : evenSize(shape[axis], outputs.length);
  return outputs.map((_, i) => ({
    dtype: op.dtype(0),
    shape: shape.with(axis, lastSize(op, sizes, shape[axis], i, even)),
  }));
};

function evenSize(dim: Dim, count: number): Dim {
  return typeof dim === 'number' ? Math.ceil(dim / count) : divideDims(dim, count);
}

/** In an uneven split the last part is the remainder. */
function lastSize(op: OpView, sizes: readonly number[] | undefined, dim: Dim, index: number, even: Dim): Dim {
  if (sizes) return sizes[index];
  const isLast = index === op.node.outputs.length - 1;
  return isLast && typeof dim === 'number' && typeof even === 'number' ? dim - even * index : even;
}

/** An end beyond this means the end of the axis: exporters write the largest int32 or int64. */
const farAway = 2 ** 31 - 1;

const slice: InferRule = (op) => {
  const shape = op.shape(0);
  const [starts, ends] = [sliceBounds(op, 'starts', 1), sliceBounds(op, 'ends', 2)];
  const axes = op.integers('axes', 3) ?? (op.hasIntegers('axes', 3) ? undefined : starts?.map((_, i) => i));
  const steps = op.has(4) ? op.numbers(4) : starts?.map(() => 1);
  if (shape === undefined || starts === undefined || ends === undefined) return sameRank(op);
  if (axes === undefined || steps === undefined) return sameRank(op);
  if (steps.includes(0)) throw op.error('a slice has the step 0');
  let dims: readonly Dim[] = shape;
  for (const [i, given] of axes.entries()) {
    const axis = op.axis(given, shape.length);
    dims = dims.with(axis, sliceSize(shape[axis], starts[i], ends[i], steps[i] ?? 1));
  }
  return { dtype: op.dtype(0), shape: dims, elements: sliceElements(op, starts[0], ends[0], steps[0] ?? 1) };
};

function sliceBounds(op: OpView, attribute: string, index: number): readonly Dim[] | undefined {
  return op.node.intsAttribute(attribute) ?? op.elements(index);
}

function sameRank(op: OpView): TypeInfo {
  return { dtype: op.dtype(0), shape: op.shape(0)?.map(() => undefined) };
}

function sliceSize(dim: Dim, start: Dim, end: Dim, step: number): Dim {
  if (typeof dim === 'number' && typeof start === 'number' && typeof end === 'number') {
    return sliceRange(dim, start, end, step).length;
  }
  if (step === -1 && start === -1 && typeof end === 'number' && end <= -farAway) return dim;
  if (step === 1 && typeof dim === 'number' && dim > 1 && typeof start === 'number' && start >= 0) {
    // WHY no clamping: if the end is beyond the dimension there are fewer rows than inferred, and the node that uses them fails.
    return subtractDims(end, start);
  }
  if (step !== 1 || typeof start !== 'number' || dim === undefined) return undefined;
  const from = start < 0 ? addDims(dim, start) : start;
  if (end === dim || (typeof end === 'number' && end >= farAway)) return subtractDims(dim, from);
  if (typeof end !== 'number') return undefined;
  if (end < 0) return subtractDims(addDims(dim, end), from);
  return start < 0 ? undefined : end <= start ? 0 : undefined;
}

function sliceElements(op: OpView, start: Dim, end: Dim, step: number): readonly Dim[] | undefined {
  const elements = op.elements(0);
  if (elements === undefined || typeof start !== 'number' || typeof end !== 'number') return undefined;
  const { from, length } = sliceRange(elements.length, start, end, step);
  return Array.from({ length }, (_, i) => elements[from + i * step]);
}

/** Numpy's slice of one axis: negative bounds count from the end, and bounds are clamped. */
function sliceRange(size: number, start: number, end: number, step: number): { from: number; length: number } {
  const [low, high] = step > 0 ? [0, size] : [-1, size - 1];
  const from = clampBound(start, size, low, high);
  const length = Math.ceil((clampBound(end, size, low, high) - from) / step);
  return { from, length: Math.max(0, length) };
}

function clampBound(bound: number, size: number, low: number, high: number): number {
  return Math.min(Math.max(bound < 0 ? bound + size : bound, low), high);
}

const pad: InferRule = (op) => {
  const shape = op.shape(0);
  const pads = op.integers('pads', 1);
  const axes = op.has(3) ? op.numbers(3) : shape?.map((_, i) => i);
  if (shape === undefined || pads === undefined || axes === undefined) return sameRank(op);
  let dims: readonly Dim[] = shape;
  for (const [i, given] of axes.entries()) {
    const axis = op.axis(given, shape.length);
    dims = dims.with(axis, addDims(shape[axis], pads[i], pads[i + axes.length]));
  }
  return { dtype: op.dtype(0), shape: dims };
};

export const slicingRules: InferRules = { Concat: concat, Split: split, Slice: slice, Pad: pad };
