export { byteLength, elementCount, elementSize, type DataType } from './data-type.ts';
export { bfloat16ToNumber, float16ToNumber, numberToBfloat16, numberToFloat16 } from './half.ts';
export {
  tensorOf,
  toFloat32,
  typedArray,
  zerosOf,
  type TensorData,
  type TypedArray,
  type TypedArrays,
} from './tensor-data.ts';
