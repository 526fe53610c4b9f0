import type { DataType } from '../../tensor/index.ts';

/** ONNXTensorElementDataType by our names. WHY no string: its values are C++ objects, which cannot lie in our memory. */
const elementTypes: Readonly<Partial<Record<DataType, number>>> = {
  float32: 1,
  uint8: 2,
  int8: 3,
  uint16: 4,
  int16: 5,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
  float64: 11,
  uint32: 12,
  uint64: 13,
  bfloat16: 16,
  uint4: 21,
  int4: 22,
};

const names = new Map<number, DataType>([[8, 'string']]);
for (const [name, value] of Object.entries(elementTypes)) names.set(value, name as DataType);

export function elementTypeOf(dtype: DataType): number | undefined {
  return elementTypes[dtype];
}

/** undefined for types that have no TensorData counterpart (complex numbers, 8-bit floats). */
export function dataTypeOf(elementType: number): DataType | undefined {
  return names.get(elementType);
}
