import type { DataType } from './data-type.ts';

/** The numbers of the element types in ONNX files (TensorProto.DataType). ONNX Runtime's C API uses the same numbers. */
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
  float8e4m3fn: 17,
  uint4: 21,
  int4: 22,
};

const names = new Map<number, DataType>(Object.entries(numbers).map(([name, number]) => [number, name as DataType]));

/** The number of an element type in ONNX, which is also the value of `Cast`'s attribute `to`. */
export function dataTypeNumber(dtype: DataType): number {
  return numbers[dtype];
}

/** The element type of an ONNX number; undefined for types that host tensors do not support (complex numbers, other floats of 8 and 4 bits). */
export function dataTypeOf(number: number): DataType | undefined {
  return names.get(number);
}
