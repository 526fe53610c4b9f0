import { tensorOf, type DataType } from '../../tensor/index.ts';
import { constantDtype, constantShape } from '../constant.ts';
import { multiplyDims, subtractDims, type Dim } from '../dim.ts';
import {
  elementsOf,
  maxElements,
  unknownElements,
  type InferRule,
  type InferRules,
  type TypeInfo,
} from './infer-rule.ts';

/** The dimensions of the input as elements. This is where the inference of computed shapes begins. */
const shapeOf: InferRule = (op) => {
  const dims = op.shape(0)?.slice(op.node.intAttribute('start', 0), op.node.intAttribute('end'));
  return { dtype: 'int64', shape: [dims?.length], elements: dims };
};

const sizeOf: InferRule = (op) => {
  const shape = op.shape(0);
  return { dtype: 'int64', shape: [], elements: shape && [multiplyDims(...shape)] };
};

const constant: InferRule = ({ node }): TypeInfo => {
  const tensor = node.tensorAttribute('value');
  if (tensor) {
    const elements = tensor.kind === 'inline' ? elementsOf(tensor.tensor) : undefined;
    return { dtype: constantDtype(tensor), shape: constantShape(tensor), elements };
  }
  const [int, ints] = [node.intAttribute('value_int'), node.intsAttribute('value_ints')];
  if (int !== undefined) return { dtype: 'int64', shape: [], elements: [int] };
  if (ints) return { dtype: 'int64', shape: [ints.length], elements: ints };
  if (node.attributes.has('value_float')) return { dtype: 'float32', shape: [] };
  const floats = node.floatsAttribute('value_floats');
  return floats ? { dtype: 'float32', shape: [floats.length] } : {};
};

const constantOfShape: InferRule = (op) => {
  const fill = op.node.tensorAttribute('value');
  const dtype = fill ? constantDtype(fill) : 'float32';
  const shape = op.elements(0) ?? unknownElements(op.shape(0));
  return { dtype, shape, elements: shape?.length === 1 ? filled(dtype, fill, shape[0]) : undefined };
};

/** The places of what is not 0. Of a tensor that is filled with one other number they are all; older exporters count positions so. */
const nonZero: InferRule = (op) => {
  const shape = op.shape(0);
  const { producer } = op.node.inputs[0] ?? {};
  const fill = producer?.opType === 'ConstantOfShape' ? producer.tensorAttribute('value') : undefined;
  const isFilled = fill?.kind === 'inline' && fill.tensor.bytes.some((byte) => byte !== 0);
  return { dtype: 'int64', shape: [shape?.length, isFilled && shape ? multiplyDims(...shape) : undefined] };
};

function filled(
  dtype: DataType | undefined,
  fill: Parameters<typeof constantDtype>[0] | undefined,
  length: Dim,
): readonly Dim[] | undefined {
  if ((dtype !== 'int64' && dtype !== 'int32') || typeof length !== 'number' || length > maxElements) return undefined;
  const tensor = fill === undefined ? tensorOf(dtype, [1], [0]) : fill.kind === 'inline' ? fill.tensor : undefined;
  const [element] = (tensor && elementsOf(tensor)) ?? [];
  return Array.from({ length }, () => element);
}

const range: InferRule = (op) => {
  const [start, limit, delta] = [op.elements(0)?.[0], op.elements(1)?.[0], op.elements(2)?.[0]];
  const length = rangeLength(start, limit, delta);
  const isShort =
    typeof length === 'number' && length <= maxElements && typeof start === 'number' && typeof delta === 'number';
  const elements = isShort ? Array.from({ length }, (_, i) => start + i * delta) : undefined;
  return { dtype: op.dtype(0), shape: [length], elements };
};

function rangeLength(start: Dim, limit: Dim, delta: Dim): Dim {
  if (typeof start === 'number' && typeof limit === 'number' && typeof delta === 'number' && delta !== 0) {
    return Math.max(0, Math.ceil((limit - start) / delta));
  }
  return delta === 1 ? subtractDims(limit, start) : undefined;
}

export const generatorRules: InferRules = {
  Shape: shapeOf,
  Size: sizeOf,
  Constant: constant,
  ConstantOfShape: constantOfShape,
  NonZero: nonZero,
  Range: range,
};
