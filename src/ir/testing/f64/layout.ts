import { tensor64 } from './tensor64.ts';
import { assertAttributes, input, type Call, type Operators64 } from './operator64.ts';
import {
  around,
  broadcastShape,
  broadcastTo,
  copyBlock,
  countOf,
  gathered,
  stridesOf,
  wholes,
  withExtent,
  type Tensor64,
} from './tensor64.ts';

/** Operators that move numbers and change none. */
export const layout: Operators64 = {
  Shape(call) {
    assertAttributes(call, ['start', 'end']);
    const { shape } = input(call, 0);
    const part = shape.slice(call.node.intAttribute('start', 0), call.node.intAttribute('end'));
    return [wholes([part.length], part)];
  },
  ConstantOfShape(call) {
    assertAttributes(call, ['value']);
    const shape = [...input(call, 0).values];
    const constant = call.node.tensorAttribute('value');
    if (constant !== undefined && constant.kind !== 'inline') throw new TypeError('the value is not in the graph');
    const { values, isWhole } = constant ? tensor64(constant.tensor) : { values: [0], isWhole: false };
    return [{ shape, values: new Float64Array(countOf(shape)).fill(values[0] ?? NaN), isWhole }];
  },
  Range(call) {
    assertAttributes(call, []);
    const [start = NaN, limit = NaN, step = NaN] = [0, 1, 2].map((index) => input(call, index).values[0]);
    const length = Math.max(0, Math.ceil((limit - start) / step));
    return [
      wholes(
        [length],
        Array.from({ length }, (_, i) => start + i * step),
      ),
    ];
  },
  Reshape(call) {
    assertAttributes(call, []);
    const tensor = input(call, 0);
    const wanted = [...input(call, 1).values].map((extent, axis) =>
      extent === 0 ? (tensor.shape[axis] ?? 0) : extent,
    );
    const known = countOf(wanted.filter((extent) => extent !== -1));
    return [
      reshaped(
        tensor,
        wanted.map((extent) => (extent === -1 ? tensor.values.length / known : extent)),
      ),
    ];
  },
  Flatten(call) {
    assertAttributes(call, ['axis']);
    const tensor = input(call, 0);
    const axis = call.node.intAttribute('axis', 1);
    return [reshaped(tensor, [countOf(tensor.shape.slice(0, axis)), countOf(tensor.shape.slice(axis))])];
  },
  Squeeze(call) {
    assertAttributes(call, []);
    const tensor = input(call, 0);
    const axes = placesOf(call.inputs[1], tensor.shape.length);
    const isGone = (extent: number, axis: number): boolean => (axes ? axes.includes(axis) : extent === 1);
    return [
      reshaped(
        tensor,
        tensor.shape.filter((extent, axis) => !isGone(extent, axis)),
      ),
    ];
  },
  Unsqueeze(call) {
    assertAttributes(call, []);
    const tensor = input(call, 0);
    const rank = tensor.shape.length + input(call, 1).values.length;
    const axes = placesOf(input(call, 1), rank) ?? [];
    const own = [...tensor.shape];
    return [
      reshaped(
        tensor,
        Array.from({ length: rank }, (_, axis) => (axes.includes(axis) ? 1 : (own.shift() ?? 1))),
      ),
    ];
  },
  Transpose(call) {
    assertAttributes(call, ['perm']);
    const { shape, values, isWhole } = input(call, 0);
    const perm = call.node.intsAttribute('perm') ?? shape.map((_, axis) => shape.length - 1 - axis);
    const strides = stridesOf(shape);
    const turned = perm.map((axis) => shape[axis] ?? 0);
    return [
      { shape: turned, values: gathered(turned, { values, strides: perm.map((axis) => strides[axis] ?? 0) }), isWhole },
    ];
  },
  Expand(call) {
    assertAttributes(call, []);
    const tensor = input(call, 0);
    const shape = broadcastShape([tensor.shape, [...input(call, 1).values]]);
    return [{ shape, values: broadcastTo(tensor, shape), isWhole: tensor.isWhole }];
  },
  Concat: concat,
  Split: split,
  Slice: slice,
  Pad: pad,
  Trilu: trilu,
};

function reshaped({ values, isWhole }: Tensor64, shape: readonly number[]): Tensor64 {
  if (countOf(shape) !== values.length)
    throw new RangeError(`${values.length} numbers do not fill [${shape.join(', ')}]`);
  return { shape, values, isWhole };
}

/** Axes, counted from the first. */
function placesOf(axes: Tensor64 | undefined, rank: number): number[] | undefined {
  return axes && [...axes.values].map((axis) => (axis < 0 ? axis + rank : axis));
}

function concat(call: Call): Tensor64[] {
  assertAttributes(call, ['axis']);
  const all = call.inputs.map((_, index) => input(call, index));
  const [first] = all;
  if (first === undefined) throw new TypeError('Concat has an input');
  const { axis } = around(first.shape, call.node.intAttribute('axis', 0));
  const extents = all.map(({ shape }) => shape[axis] ?? 0);
  const shape = withExtent(
    first.shape,
    axis,
    extents.reduce((sum, extent) => sum + extent, 0),
  );
  const strides = stridesOf(shape);
  const values = new Float64Array(countOf(shape));
  let start = 0;
  for (const [index, part] of all.entries()) {
    const to = { values, strides, offset: start * (strides[axis] ?? 0) };
    copyBlock(part.shape, { values: part.values, strides: stridesOf(part.shape) }, to);
    start += extents[index] ?? 0;
  }
  return [{ shape, values, isWhole: first.isWhole }];
}

function split(call: Call): Tensor64[] {
  assertAttributes(call, ['axis', 'num_outputs']);
  const { shape, values, isWhole } = input(call, 0);
  const { axis, extent } = around(shape, call.node.intAttribute('axis', 0));
  const count = call.node.intAttribute('num_outputs', call.node.outputs.length);
  const sizes = call.inputs[1]?.values ?? Float64Array.from({ length: count }, () => extent / count);
  const strides = stridesOf(shape);
  let start = 0;
  return [...sizes].map((size) => {
    const part = withExtent(shape, axis, size);
    const offset = start * (strides[axis] ?? 0);
    start += size;
    return { shape: part, values: gathered(part, { values, strides, offset }), isWhole };
  });
}

function slice(call: Call): Tensor64[] {
  assertAttributes(call, []);
  const { shape, values, isWhole } = input(call, 0);
  const [starts, ends] = [input(call, 1).values, input(call, 2).values];
  const axes = placesOf(call.inputs[3], shape.length) ?? [...starts.keys()];
  if (call.inputs[4]?.values.some((step) => step !== 1)) throw new TypeError('Slice in f64 knows steps of 1 only');
  const strides = stridesOf(shape);
  const result = [...shape];
  let offset = 0;
  for (const [index, axis] of axes.entries()) {
    const extent = shape[axis] ?? 0;
    const within = (place: number): number => Math.min(Math.max(place < 0 ? place + extent : place, 0), extent);
    const [start, end] = [within(starts[index] ?? NaN), within(ends[index] ?? NaN)];
    result[axis] = Math.max(0, end - start);
    offset += start * (strides[axis] ?? 0);
  }
  return [{ shape: result, values: gathered(result, { values, strides, offset }), isWhole }];
}

/** Widths below 0 cut. */
function pad(call: Call): Tensor64[] {
  assertAttributes(call, []);
  const { shape, values, isWhole } = input(call, 0);
  const widths = input(call, 1).values;
  const rank = shape.length;
  if (call.inputs.length > 2 || widths.length !== 2 * rank)
    throw new TypeError('Pad in f64 fills all axes with 0 only');
  const before = shape.map((_, axis) => widths[axis] ?? NaN);
  const after = shape.map((_, axis) => widths[rank + axis] ?? NaN);
  const result = shape.map((extent, axis) => extent + (before[axis] ?? NaN) + (after[axis] ?? NaN));
  const common = shape.map(
    (extent, axis) => extent + Math.min(0, before[axis] ?? NaN) + Math.min(0, after[axis] ?? NaN),
  );
  const [from, to] = [stridesOf(shape), stridesOf(result)];
  const offsetOf = (strides: readonly number[], sign: number): number =>
    strides.reduce((sum, stride, axis) => sum + stride * Math.max(0, sign * (before[axis] ?? NaN)), 0);
  const filled = new Float64Array(countOf(result));
  copyBlock(
    common,
    { values, strides: from, offset: offsetOf(from, -1) },
    { values: filled, strides: to, offset: offsetOf(to, 1) },
  );
  return [{ shape: result, values: filled, isWhole }];
}

function trilu(call: Call): Tensor64[] {
  assertAttributes(call, ['upper']);
  const { shape, values, isWhole } = input(call, 0);
  const [rows = 0, columns = 0] = shape.slice(-2);
  const isUpper = call.node.intAttribute('upper', 1) === 1;
  const diagonal = call.inputs[1]?.values[0] ?? 0;
  const kept = values.map((value, index) => {
    const [row, column] = [Math.floor(index / columns) % rows, index % columns];
    const distance = column - row - diagonal;
    return (isUpper ? distance >= 0 : distance <= 0) ? value : 0;
  });
  return [{ shape, values: kept, isWhole }];
}
