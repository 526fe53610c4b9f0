import { byteLength, elementCount, elementSize, type DataType } from './data-type.ts';
import { bfloat16ToNumber, float16ToNumber, float8ToNumber, numberToBfloat16, numberToFloat16 } from './half.ts';
import { EspalierError } from '../core/index.ts';

/** A tensor in host memory: its bytes (little-endian, row-major, without padding), type and shape. */
export interface TensorData {
  readonly dtype: DataType;
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
}

/** A tensor whose element type is known to the compiler. */
export type TensorOf<Type extends DataType> = TensorData & { readonly dtype: Type };

export type TypedArray =
  | Float32Array
  | Float64Array
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array;

/** The view that `typedArray` returns for each type. Packed types and half-precision floats are returned as their bits. */
export interface TypedArrays {
  float32: Float32Array;
  float64: Float64Array;
  float16: Uint16Array;
  bfloat16: Uint16Array;
  float8e4m3fn: Uint8Array;
  int8: Int8Array;
  uint8: Uint8Array;
  int16: Int16Array;
  uint16: Uint16Array;
  int32: Int32Array;
  uint32: Uint32Array;
  int64: BigInt64Array;
  uint64: BigUint64Array;
  bool: Uint8Array;
  string: Uint8Array;
  int4: Uint8Array;
  uint4: Uint8Array;
}

type Constructors = {
  readonly [Type in DataType]: new (buffer: ArrayBufferLike, byteOffset: number, length: number) => TypedArrays[Type];
};

const arrayTypes: Constructors = {
  float32: Float32Array,
  float64: Float64Array,
  float16: Uint16Array,
  bfloat16: Uint16Array,
  float8e4m3fn: Uint8Array,
  int8: Int8Array,
  uint8: Uint8Array,
  int16: Int16Array,
  uint16: Uint16Array,
  int32: Int32Array,
  uint32: Uint32Array,
  int64: BigInt64Array,
  uint64: BigUint64Array,
  bool: Uint8Array,
  string: Uint8Array,
  int4: Uint8Array,
  uint4: Uint8Array,
};

/**
 * Creates a tensor from values, which are copied. Numbers and bigints are converted to the type. f16 and bf16 take numbers and
 * round them to nearest, ties to even.
 *
 * @throws EspalierError SHAPE_MISMATCH if the number of values is not that of the shape
 * @throws EspalierError DTYPE_UNSUPPORTED for packed types and strings
 */
export function tensorOf<Type extends DataType>(
  dtype: Type,
  shape: readonly number[],
  values: ArrayLike<number> | ArrayLike<bigint> | ArrayLike<number | bigint>,
): TensorOf<Type> {
  if (values.length !== elementCount(shape)) {
    const actual = `${values.length} values`;
    throw new EspalierError('SHAPE_MISMATCH', { name: 'a new tensor', expected: `[${shape.join(', ')}]`, actual });
  }
  const tensor = zerosOf(dtype, shape);
  const array = typedArray(tensor);
  if (array instanceof BigInt64Array || array instanceof BigUint64Array) {
    for (let i = 0; i < values.length; i++) array[i] = BigInt(values[i] ?? 0);
    return tensor;
  }
  const convert = converters[dtype];
  for (let i = 0; i < values.length; i++) {
    const value = Number(values[i]);
    array[i] = convert === undefined ? value : convert(value);
  }
  return tensor;
}

const converters: Partial<Record<DataType, (value: number) => number>> = {
  float16: numberToFloat16,
  bfloat16: numberToBfloat16,
  bool: (value) => (value === 0 ? 0 : 1),
};

/** A tensor of zeros. */
export function zerosOf<Type extends DataType>(dtype: Type, shape: readonly number[]): TensorOf<Type> {
  if (dtype === 'string' || dtype === 'float8e4m3fn' || dtype === 'int4' || dtype === 'uint4') {
    throw new EspalierError('DTYPE_UNSUPPORTED', { dtype, use: 'values of a new tensor' });
  }
  return { dtype, shape: [...shape], bytes: new Uint8Array(byteLength(dtype, shape)) };
}

/**
 * The elements of a tensor: a view of its bytes if they are aligned for the type, otherwise a copy.
 * f16 and bf16 are returned as their 16 bits, packed types as bytes.
 */
export function typedArray<Type extends DataType>(tensor: TensorOf<Type>): TypedArrays[Type] {
  const size = Math.max(1, elementSize(tensor.dtype));
  const { bytes } = tensor;
  const aligned = bytes.byteOffset % size === 0 ? bytes : new Uint8Array(bytes);
  return new arrayTypes[tensor.dtype](aligned.buffer, aligned.byteOffset, aligned.byteLength / size);
}

/**
 * Converts the elements to f32. For an f32 tensor the result is the view (or copy) of `typedArray`, for others a new array.
 * The conversion is not split into slices, so use it for small tensors only.
 *
 * @throws EspalierError DTYPE_UNSUPPORTED for types that are not floats
 */
export function toFloat32(tensor: TensorData): Float32Array {
  const array = typedArray(tensor);
  if (array instanceof Float32Array) return array;
  if (array instanceof Float64Array) return Float32Array.from(array);
  const widen = wideners[tensor.dtype];
  if (widen === undefined || !(array instanceof Uint16Array || array instanceof Uint8Array)) {
    throw new EspalierError('DTYPE_UNSUPPORTED', { dtype: tensor.dtype, use: 'conversion to float32' });
  }
  const result = new Float32Array(array.length);
  for (let i = 0; i < array.length; i++) result[i] = widen(array[i] ?? 0);
  return result;
}

const wideners: Partial<Record<DataType, (half: number) => number>> = {
  float16: float16ToNumber,
  bfloat16: bfloat16ToNumber,
  float8e4m3fn: float8ToNumber,
};
