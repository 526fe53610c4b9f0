/** Element types of ONNX and safetensors. `int4` and `uint4` are packed two to a byte. `string` has no fixed size. */
export type DataType =
  | 'float32'
  | 'float64'
  | 'float16'
  | 'bfloat16'
  | 'float8e4m3fn'
  | 'int8'
  | 'uint8'
  | 'int16'
  | 'uint16'
  | 'int32'
  | 'uint32'
  | 'int64'
  | 'uint64'
  | 'bool'
  | 'string'
  | 'int4'
  | 'uint4';

const bitsOf: Readonly<Record<DataType, number>> = {
  float32: 32,
  float64: 64,
  float16: 16,
  bfloat16: 16,
  float8e4m3fn: 8,
  int8: 8,
  uint8: 8,
  int16: 16,
  uint16: 16,
  int32: 32,
  uint32: 32,
  int64: 64,
  uint64: 64,
  bool: 8,
  string: 0,
  int4: 4,
  uint4: 4,
};

/** Number of elements of a shape; 1 for a scalar. */
export function elementCount(shape: readonly number[]): number {
  return shape.reduce((count, dim) => count * dim, 1);
}

/** Number of bytes of the elements of a shape. Packed types are rounded up to a whole byte; strings count as 0. */
export function byteLength(dtype: DataType, shape: readonly number[]): number {
  return Math.ceil((elementCount(shape) * bitsOf[dtype]) / 8);
}

/** Bytes of one element. Only for types whose elements are whole bytes. */
export function elementSize(dtype: DataType): number {
  return Math.ceil(bitsOf[dtype] / 8);
}
