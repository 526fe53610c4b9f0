import { assertAttributes, input, type Call, type Operators64 } from './operator64.ts';
import { around, countOf, stridesOf, wholes, withExtent, type Tensor64 } from './tensor64.ts';

/** Operators that choose numbers by their places. */
export const indexing: Operators64 = {
  Gather: gather,
  GatherElements: gatherElements,
  ScatterND: scatter,
  NonZero: nonZero,
  TopK: top,
};

function gather(call: Call): Tensor64[] {
  assertAttributes(call, ['axis']);
  const [{ shape, values, isWhole }, indices] = [input(call, 0), input(call, 1)];
  const { axis, outer, extent, inner } = around(shape, call.node.intAttribute('axis', 0));
  const count = indices.values.length;
  const result = new Float64Array(outer * count * inner);
  for (let i = 0; i < result.length; i++) {
    const [block, at] = [Math.floor(i / inner / count), Math.floor(i / inner) % count];
    result[i] = values[(block * extent + place(indices.values[at], extent)) * inner + (i % inner)] ?? NaN;
  }
  return [{ shape: [...shape.slice(0, axis), ...indices.shape, ...shape.slice(axis + 1)], values: result, isWhole }];
}

/** The other axes of the indices may be shorter than those of the data. */
function gatherElements(call: Call): Tensor64[] {
  assertAttributes(call, ['axis']);
  const [{ shape, values, isWhole }, indices] = [input(call, 0), input(call, 1)];
  const { axis, extent } = around(shape, call.node.intAttribute('axis', 0));
  const [own, strides] = [stridesOf(indices.shape), stridesOf(shape)];
  const result = indices.values.map((index, i) => {
    const at = indices.shape.reduce((sum, size, dim) => {
      const along = dim === axis ? place(index, extent) : Math.floor(i / (own[dim] ?? NaN)) % size;
      return sum + along * (strides[dim] ?? NaN);
    }, 0);
    return values[at] ?? NaN;
  });
  return [{ shape: indices.shape, values: result, isWhole }];
}

function place(index: number | undefined, extent: number): number {
  const found = index === undefined || index >= 0 ? index : index + extent;
  if (found === undefined || found >= extent) throw new RangeError(`there is no row ${index} of ${extent}`);
  return found;
}

function scatter(call: Call): Tensor64[] {
  assertAttributes(call, []);
  const [{ shape, values, isWhole }, indices, updates] = [input(call, 0), input(call, 1), input(call, 2)];
  const depth = indices.shape.at(-1) ?? 0;
  const [strides, size] = [stridesOf(shape), countOf(shape.slice(depth))];
  const result = values.slice();
  for (let row = 0; row < indices.values.length / depth; row++) {
    let start = 0;
    for (let axis = 0; axis < depth; axis++) {
      start += place(indices.values[row * depth + axis], shape[axis] ?? 0) * (strides[axis] ?? NaN);
    }
    result.set(updates.values.subarray(row * size, (row + 1) * size), start);
  }
  return [{ shape, values: result, isWhole }];
}

/** i64 [rank, found] */
function nonZero(call: Call): Tensor64[] {
  assertAttributes(call, []);
  const { shape, values } = input(call, 0);
  const found = [...values.keys()].filter((i) => values[i] !== 0);
  const strides = stridesOf(shape);
  const places = shape.flatMap((extent, axis) => found.map((i) => Math.floor(i / (strides[axis] ?? NaN)) % extent));
  return [wholes([shape.length, found.length], places)];
}

/** Of equal numbers the first is taken. */
function top(call: Call): Tensor64[] {
  assertAttributes(call, ['axis', 'largest', 'sorted']);
  const { shape, values, isWhole } = input(call, 0);
  const { axis, outer, extent, inner } = around(shape, call.node.intAttribute('axis', -1));
  const count = input(call, 1).values[0] ?? NaN;
  const sign = call.node.intAttribute('largest', 1) === 1 ? -1 : 1;
  const result = withExtent(shape, axis, count);
  const [best, places] = [new Float64Array(countOf(result)), new Float64Array(countOf(result))];
  for (let slice = 0; slice < outer * inner; slice++) {
    const [block, offset] = [Math.floor(slice / inner), slice % inner];
    const at = (i: number): number => values[(block * extent + i) * inner + offset] ?? NaN;
    const order = Array.from({ length: extent }, (_, i) => i).sort((a, b) => sign * (at(a) - at(b)) || a - b);
    for (const [rank, i] of order.slice(0, count).entries()) {
      const to = (block * count + rank) * inner + offset;
      best[to] = at(i);
      places[to] = i;
    }
  }
  return [{ shape: result, values: best, isWhole }, wholes(result, places)];
}
