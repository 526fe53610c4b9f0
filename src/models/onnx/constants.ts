import { inlineConstant, int, type Attribute, type ConstantData, type Node, type Value } from '../../ir/index.ts';
import { dataTypeNumber, dataTypeOf, tensorOf, toFloat32, type DataType } from '../../tensor/index.ts';

/** Returns the data of a Constant node; undefined for strings and sparse tensors. */
export function constantOf(attributes: ReadonlyMap<string, Attribute>): ConstantData | undefined {
  const [attribute] = attributes.values();
  switch (attribute?.kind) {
    case 'tensor':
      return attribute.value;
    case 'int':
      return inlineConstant(tensorOf('int64', [], [attribute.value]));
    case 'ints':
      return inlineConstant(tensorOf('int64', [attribute.value.length], attribute.value));
    case 'float':
      return inlineConstant(tensorOf('float32', [], [attribute.value]));
    case 'floats':
      return inlineConstant(tensorOf('float32', [attribute.value.length], attribute.value));
    default:
      return undefined;
  }
}

/** Returns the value of a constant condition. */
export function knownBool(value: Value): boolean | undefined {
  const { constant } = value;
  if (constant?.kind !== 'inline' || constant.tensor.dtype !== 'bool' || constant.tensor.bytes.length !== 1)
    return undefined;
  return constant.tensor.bytes[0] !== 0;
}

/** Whether a type is one of the half-width floats. */
export function isHalf(dtype: DataType | undefined): boolean {
  return dtype === 'float16' || dtype === 'bfloat16';
}

/** The target of a cast to f32. */
export const float32Attribute = int(dataTypeNumber('float32'));

/** Casts to half-width floats, and half-width numbers to fill with, become f32. */
export function widened(node: Node, name: string, attribute: Attribute): Attribute {
  if (node.opType === 'Cast' && name === 'to' && attribute.kind === 'int') {
    return isHalf(dataTypeOf(Number(attribute.value))) ? float32Attribute : attribute;
  }
  if (attribute.kind !== 'tensor' || attribute.value.kind !== 'inline') return attribute;
  const { tensor } = attribute.value;
  if (!isHalf(tensor.dtype)) return attribute;
  return { kind: 'tensor', value: inlineConstant(tensorOf('float32', tensor.shape, toFloat32(tensor))) };
}
