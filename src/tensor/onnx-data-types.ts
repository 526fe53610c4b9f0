import type { DataType } from './data-type.ts';

/** Numbers of the element types in ONNX files (TensorProto.DataType); ONNX Runtime's C API uses the same. */
const numbers: Readonly<Record<DataType, number>> = {
  float32: 1,
  uint8: 2,
  int8: 3,
  uint16: 4,
  int16: 5,
  int32: 6,
  int64: 7,
  string: 8,
  bool: 9,
  float16: 10,
  float64: 11,
  uint32: 12,
  uint64: 13,
  bfloat16: 16,
  uint4: 21,
  int4: 22,
};

const names = new Map<number, DataType>(Object.entries(numbers).map(([name, number]) => [number, name as DataType]));

/** ONNX's number of an element type; also what `Cast` takes as `to`. */
export function dataTypeNumber(dtype: DataType): number {
  return numbers[dtype];
}

/** undefined for types without host tensors (complex numbers, floats of 8 and 4 bits). */
export function dataTypeOf(number: number): DataType | undefined {
  return names.get(number);
}
