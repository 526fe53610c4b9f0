/** Element types that ONNX and safetensors know. `int4` and `uint4` are packed two to a byte; `string` has no bytes. */
export type DataType =
  | 'float32'
  | 'float64'
  | 'float16'
  | 'bfloat16'
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

/** How many elements a shape holds; 1 for a scalar. */
export function elementCount(shape: readonly number[]): number {
  return shape.reduce((count, dim) => count * dim, 1);
}

/** How many bytes the elements of a shape take; packed types round up to a whole byte, strings count as 0. */
export function byteLength(dtype: DataType, shape: readonly number[]): number {
  return Math.ceil((elementCount(shape) * bitsOf[dtype]) / 8);
}

/** Bytes of one element, for the types that take whole bytes. */
export function elementSize(dtype: DataType): number {
  return Math.ceil(bitsOf[dtype] / 8);
}
