import { assertAttributes, input, type Call, type Operator64, type Operators64 } from './operator64.ts';
import { around, broadcastTo, countOf, floats, stridesOf, type Tensor64 } from './tensor64.ts';

/** Operators that compute numbers from all numbers along some axes. */
export const reductions: Operators64 = {
  ReduceSum: reduce((sum, value) => sum + value, { start: 0 }),
  ReduceProd: reduce((product, value) => product * value, { start: 1 }),
  ReduceMean: reduce((sum, value, count) => sum + value / count, { start: 0 }),
  CumSum: cumulate,
  Softmax(call) {
    assertAttributes(call, ['axis']);
    return [along(call, input(call, 0), softmax)];
  },
  SimplifiedLayerNormalization(call) {
    assertAttributes(call, ['axis', 'epsilon']);
    return [affine(call, along(call, input(call, 0), normalize))];
  },
  LayerNormalization(call) {
    assertAttributes(call, ['axis', 'epsilon']);
    return [affine(call, along(call, along(call, input(call, 0), centre), normalize))];
  },
  SoftmaxCrossEntropyLoss: crossEntropy,
};

function reduce(
  step: (result: number, value: number, count: number) => number,
  { start }: { readonly start: number },
): Operator64 {
  return (call) => {
    assertAttributes(call, ['keepdims']);
    const { shape, values, isWhole } = input(call, 0);
    const given = call.inputs[1]?.values;
    const axes = given ? [...given].map((axis) => (axis < 0 ? axis + shape.length : axis)) : [...shape.keys()];
    const kept = shape.map((extent, axis) => (axes.includes(axis) ? 1 : extent));
    const [from, to] = [stridesOf(shape), stridesOf(kept)];
    const result = new Float64Array(countOf(kept)).fill(start);
    const count = values.length / result.length;
    for (const [i, value] of values.entries()) {
      let at = 0;
      for (const [axis, extent] of shape.entries()) {
        if (kept[axis] === extent) at += (Math.floor(i / (from[axis] ?? NaN)) % extent) * (to[axis] ?? NaN);
      }
      result[at] = step(result[at] ?? NaN, value, count);
    }
    const keeps = call.node.intAttribute('keepdims', 1) === 1;
    return [{ shape: keeps ? kept : kept.filter((_, axis) => !axes.includes(axis)), values: result, isWhole }];
  };
}

function cumulate(call: Call): Tensor64[] {
  assertAttributes(call, []);
  const { shape, values, isWhole } = input(call, 0);
  const { extent, inner } = around(shape, input(call, 1).values[0] ?? NaN);
  const result = values.slice();
  for (const [i, value] of values.entries()) {
    if (Math.floor(i / inner) % extent > 0) result[i] = (result[i - inner] ?? NaN) + value;
  }
  return [{ shape, values: result, isWhole }];
}

/** Numbers that lie side by side, from `start` to before `end`. */
interface Row {
  readonly values: Float64Array;
  readonly start: number;
  readonly end: number;
}

/** Puts what a row becomes in the same place of the result. WHY not one array for each row: to make them takes longest. */
type Change = (row: Row, result: Float64Array, call: Call) => void;

/** Changes each row along the axis of the node, which must be the last one. */
function along(call: Call, { shape, values }: Tensor64, change: Change): Tensor64 {
  const { extent, inner } = around(shape, call.node.intAttribute('axis', -1));
  if (inner !== 1) throw new TypeError(`${call.node.qualifiedType} in f64 knows the last axis only`);
  const result = new Float64Array(values.length);
  for (let start = 0; start < values.length; start += extent) {
    change({ values, start, end: start + extent }, result, call);
  }
  return floats(shape, result);
}

function sumOf({ values, start, end }: Row, of: (value: number) => number): number {
  let sum = 0;
  for (let i = start; i < end; i++) sum += of(values[i] ?? NaN);
  return sum;
}

function each({ values, start, end }: Row, result: Float64Array, of: (value: number) => number): void {
  for (let i = start; i < end; i++) result[i] = of(values[i] ?? NaN);
}

/** log Σ e^x of a row. */
function logSumExp(row: Row): number {
  let largest = -Infinity;
  for (let i = row.start; i < row.end; i++) largest = Math.max(largest, row.values[i] ?? NaN);
  return largest + Math.log(sumOf(row, (value) => Math.exp(value - largest)));
}

function softmax(row: Row, result: Float64Array): void {
  const total = logSumExp(row);
  each(row, result, (value) => Math.exp(value - total));
}

function logSoftmax(row: Row, result: Float64Array): void {
  const total = logSumExp(row);
  each(row, result, (value) => value - total);
}

function centre(row: Row, result: Float64Array): void {
  const mean = sumOf(row, (value) => value) / (row.end - row.start);
  each(row, result, (value) => value - mean);
}

function normalize(row: Row, result: Float64Array, { node }: Call): void {
  const epsilon = node.floatAttribute('epsilon', Math.fround(1e-5));
  const root = Math.sqrt(sumOf(row, (value) => value * value) / (row.end - row.start) + epsilon);
  each(row, result, (value) => value / root);
}

/** Multiplies with the second input of a norm and adds the third. */
function affine(call: Call, { shape, values }: Tensor64): Tensor64 {
  const scale = broadcastTo(input(call, 1), shape);
  const offsets = call.inputs[2] && broadcastTo(call.inputs[2], shape);
  return floats(
    shape,
    values.map((value, i) => value * (scale[i] ?? NaN) + (offsets ? (offsets[i] ?? NaN) : 0)),
  );
}

/** Σ −log softmax(scores)[label] over the rows of scores [rows, classes] that count. */
function crossEntropy(call: Call): Tensor64[] {
  assertAttributes(call, ['reduction', 'ignore_index']);
  const [scores, labels] = [input(call, 0), input(call, 1)];
  const [, classes = 0, ...further] = scores.shape;
  if (further.length > 0 || call.node.stringAttribute('reduction') !== 'sum') {
    throw new TypeError('SoftmaxCrossEntropyLoss in f64 knows the sum over rows only');
  }
  const ignored = call.node.intAttribute('ignore_index');
  const logs = along(call, scores, logSoftmax);
  const loss = labels.values.reduce(
    (sum, label, row) => (label === ignored ? sum : sum - (logs.values[row * classes + label] ?? NaN)),
    0,
  );
  return [floats([], Float64Array.of(loss)), logs];
}
