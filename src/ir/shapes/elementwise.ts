import { type DataType, dataTypeOf } from '../../tensor/index.ts';
import { addDims, divideDims, multiplyDims, subtractDims, type Dim } from '../dim.ts';
import { broadcastShapes } from './broadcast.ts';
import type { InferRule, InferRules, OpView, TypeInfo } from './infer-rule.ts';

/** Same type, same shape, same elements. */
const same = (op: OpView): TypeInfo => ({ dtype: op.dtype(0), shape: op.shape(0), elements: op.elements(0) });

const unary: InferRule = (op) => ({ dtype: op.dtype(0), shape: op.shape(0) });

const negate: InferRule = (op) => ({ ...unary(op), elements: op.elements(0)?.map((dim) => multiplyDims(dim, -1)) });

function binary(combine?: (a: Dim, b: Dim) => Dim): InferRule {
  return (op) => ({
    dtype: commonType(op, [0, 1]),
    shape: broadcastShapes(op, [op.shape(0), op.shape(1)]),
    elements: combine && combineElements(op, combine),
  });
}

function combineElements(op: OpView, combine: (a: Dim, b: Dim) => Dim): readonly Dim[] | undefined {
  const [a, b] = [op.elements(0), op.elements(1)];
  if (a === undefined || b === undefined || (a.length !== b.length && a.length !== 1 && b.length !== 1))
    return undefined;
  const length = a.length === 0 || b.length === 0 ? 0 : Math.max(a.length, b.length);
  return Array.from({ length }, (_, i) => combine(a[a.length === 1 ? 0 : i], b[b.length === 1 ? 0 : i]));
}

const variadic: InferRule = (op) => {
  const indices = op.node.inputs.map((_, i) => i);
  return {
    dtype: commonType(op, indices),
    shape: broadcastShapes(
      op,
      indices.map((i) => op.shape(i)),
    ),
  };
};

const compare: InferRule = (op) => compareTypes(op);

/** Compares elements: 1 if two are certainly equal, 0 if they cannot be equal. A length is never below 0. */
const equal: InferRule = (op) => ({ ...compareTypes(op), elements: combineElements(op, sameDim) });

function compareTypes(op: OpView): TypeInfo {
  return { dtype: 'bool', shape: binaryShape(op) };
}

function sameDim(a: Dim, b: Dim): Dim {
  if (a === undefined || b === undefined) return undefined;
  if (a === b) return 1;
  if (typeof a === 'number' && typeof b === 'number') return 0;
  const [number, symbol] = typeof a === 'number' ? [a, b] : [b, a];
  return typeof number === 'number' && number < 0 && !String(symbol).includes('-') ? 0 : undefined;
}

const isNan: InferRule = (op) => ({ dtype: 'bool', shape: op.shape(0) });

const where: InferRule = (op) => ({
  dtype: commonType(op, [1, 2]),
  shape: broadcastShapes(op, [op.shape(0), op.shape(1), op.shape(2)]),
  elements: chosenElements(op),
});

/** Elements where the condition is known. Exporters compute the target shape of an Expand in this way: 1 replaces each -1. */
function chosenElements(op: OpView): readonly Dim[] | undefined {
  const [condition, yes, no] = [op.elements(0), op.elements(1), op.elements(2)];
  if (condition === undefined || yes?.length !== condition.length || no?.length !== condition.length) return undefined;
  return condition.map((choice, i) => (choice === 1 ? yes[i] : choice === 0 ? no[i] : undefined));
}

const cast: InferRule = (op) => {
  const to = dataTypeOf(op.node.intAttribute('to', 0));
  const isInteger = to === 'int64' || to === 'int32';
  return { dtype: to, shape: op.shape(0), elements: isInteger ? op.elements(0) : undefined };
};

const dropout: InferRule = (op) => [same(op), { dtype: 'bool', shape: op.shape(0) }];

function binaryShape(op: OpView): TypeInfo['shape'] {
  return broadcastShapes(op, [op.shape(0), op.shape(1)]);
}

/** @throws EspalierError IR_SHAPE if two inputs have different types */
function commonType(op: OpView, indices: readonly number[]): DataType | undefined {
  const types = new Set(indices.flatMap((index) => op.dtype(index) ?? []));
  if (types.size > 1)
    throw op.error(`its inputs have different types, ${[...types].join(' and ')}; put a Cast before one`);
  const [dtype] = types;
  return dtype;
}

function table(names: string, rule: InferRule): InferRules {
  return Object.fromEntries(names.split(' ').map((name) => [name, rule]));
}

export const elementwiseRules: InferRules = {
  ...table('Abs Sign Exp Log Sqrt Reciprocal Sin Cos Tan Tanh Sigmoid HardSigmoid Erf Relu LeakyRelu Elu Gelu', unary),
  ...table('Softplus Softsign Swish HardSwish Floor Ceil Round Not Clip CumSum Trilu com.microsoft:Trilu', unary),
  ...table('Selu Celu Mish ThresholdedRelu Shrink Sinh Cosh Asin Acos Atan Asinh Acosh Atanh', unary),
  ...table('com.microsoft:QuickGelu com.microsoft:FastGelu com.microsoft:Gelu', unary),
  ...table('Softmax LogSoftmax Hardmax', unary),
  'com.microsoft:BiasGelu': binary(),
  Identity: same,
  Neg: negate,
  Add: binary(addDims),
  Sub: binary(subtractDims),
  Mul: binary(multiplyDims),
  Div: binary(divideDims),
  Mod: binary(),
  Pow: (op) => ({ dtype: op.dtype(0), shape: binaryShape(op) }),
  PRelu: unary,
  ...table('Min Max Sum Mean', variadic),
  Equal: equal,
  ...table('Greater Less GreaterOrEqual LessOrEqual And Or Xor', compare),
  BitShift: binary(),
  ...table('BitwiseAnd BitwiseOr BitwiseXor', binary()),
  ...table('IsNaN IsInf', isNan),
  Where: where,
  Cast: cast,
  Dropout: dropout,
};
