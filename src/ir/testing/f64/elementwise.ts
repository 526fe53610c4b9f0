import { dataTypeOf } from '../../../tensor/index.ts';
import { erf } from './erf.ts';
import { assertAttributes, input, type Call, type Operator64, type Operators64 } from './operator64.ts';
import { broadcastShape, broadcastTo, countOf, type Tensor64 } from './tensor64.ts';

/** Operators that compute each number for itself. */
export const elementwise: Operators64 = {
  Add: pairs((a, b) => a + b),
  Sub: pairs((a, b) => a - b),
  Mul: pairs((a, b) => a * b),
  Div: pairs((a, b, isWhole) => (isWhole ? Math.trunc(a / b) : a / b)),
  Pow: pairs((a, b) => a ** b),
  Min: pairs((a, b) => Math.min(a, b)),
  Max: pairs((a, b) => Math.max(a, b)),
  Greater: pairs((a, b) => Number(a > b), { isTest: true }),
  Equal: pairs((a, b) => Number(a === b), { isTest: true }),
  Or: pairs((a, b) => Number(a !== 0 || b !== 0), { isTest: true }),
  Not: single((x) => Number(x === 0)),
  Abs: single(Math.abs),
  Neg: single((x) => -x),
  Exp: single(Math.exp),
  Cos: single(Math.cos),
  Sin: single(Math.sin),
  Tanh: single(Math.tanh),
  Relu: single((x) => Math.max(x, 0)),
  Sigmoid: single(sigmoid),
  Softplus: single((x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)))),
  Identity: single((x) => x),
  Gelu: gelu,
  'com.microsoft:QuickGelu': quickGelu,
  Cast: cast,
  Clip: clip,
  Where: where,
};

function sigmoid(x: number): number {
  return 1 / (1 + Math.exp(-x));
}

function single(of: (x: number) => number): Operator64 {
  return (call) => {
    assertAttributes(call, []);
    const { shape, values, isWhole } = input(call, 0);
    return [{ shape, values: values.map(of), isWhole }];
  };
}

/** Min and Max take any number of inputs. */
function pairs(
  of: (a: number, b: number, isWhole: boolean) => number,
  { isTest = false }: { readonly isTest?: boolean } = {},
): Operator64 {
  return (call) => {
    assertAttributes(call, []);
    const all = call.inputs.map((_, index) => input(call, index));
    const result = all.reduce((a, b) => {
      const shape = broadcastShape([a.shape, b.shape]);
      const [left, right] = [broadcastTo(a, shape), broadcastTo(b, shape)];
      const isWhole = a.isWhole && b.isWhole;
      const values = left.map((x, i) => of(x, right[i] ?? NaN, isWhole));
      return { shape, values, isWhole };
    });
    return [isTest ? { ...result, isWhole: true } : result];
  };
}

/** @see ONNX Gelu-20 */
function gelu(call: Call): Tensor64[] {
  assertAttributes(call, ['approximate']);
  const { shape, values } = input(call, 0);
  const byTanh = call.node.stringAttribute('approximate', 'none') === 'tanh';
  const inner = (x: number): number =>
    byTanh ? Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)) : erf(x / Math.SQRT2);
  return [{ shape, values: values.map((x) => (x / 2) * (1 + inner(x))), isWhole: false }];
}

function quickGelu(call: Call): Tensor64[] {
  assertAttributes(call, ['alpha']);
  const { shape, values } = input(call, 0);
  const alpha = call.node.floatAttribute('alpha', Math.fround(1.702));
  return [{ shape, values: values.map((x) => x * sigmoid(alpha * x)), isWhole: false }];
}

function cast(call: Call): Tensor64[] {
  assertAttributes(call, ['to']);
  const { shape, values } = input(call, 0);
  const type = dataTypeOf(call.node.intAttribute('to', 0));
  if (type === 'bool') return [{ shape, values: values.map((x) => Number(x !== 0)), isWhole: true }];
  const isWhole = type?.startsWith('float') === false;
  return [{ shape, values: isWhole ? values.map(Math.trunc) : values, isWhole }];
}

function clip(call: Call): Tensor64[] {
  assertAttributes(call, []);
  const { shape, values, isWhole } = input(call, 0);
  const [low = -Infinity, high = Infinity] = [1, 2].map((place) => call.inputs[place]?.values[0]);
  return [{ shape, values: values.map((x) => Math.min(Math.max(x, low), high)), isWhole }];
}

function where(call: Call): Tensor64[] {
  assertAttributes(call, []);
  const [test, yes, no] = [input(call, 0), input(call, 1), input(call, 2)];
  const shape = broadcastShape([test.shape, yes.shape, no.shape]);
  const [tests, left, right] = [broadcastTo(test, shape), broadcastTo(yes, shape), broadcastTo(no, shape)];
  const values = new Float64Array(countOf(shape));
  for (let i = 0; i < values.length; i++) values[i] = (tests[i] === 0 ? right[i] : left[i]) ?? NaN;
  return [{ shape, values, isWhole: yes.isWhole }];
}
