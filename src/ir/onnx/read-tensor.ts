import { byteLength, elementCount, tensorOf, type DataType, type TensorData, dataTypeOf } from '../../tensor/index.ts';
import type { Carried, ConstantData } from '../constant.ts';
import { assertRelative } from '../external-data.ts';
import { sparseTensorSchema, tensorNameSchema, tensorSchema, type TensorMessage } from './messages.ts';
import { readMessage } from './wire.ts';

/**
 * Reads the data of a TensorProto. Raw bytes are a view of the file, typed lists are converted, and external data is not read.
 * @throws RangeError if sizes contradict each other
 */
export function readTensor(bytes: Uint8Array): ConstantData {
  const message = readMessage(tensorSchema, bytes);
  const shape = message.dims.map(toDimension);
  const dtype = dataTypeOf(message.dataType ?? 0);
  if (dtype === undefined || dtype === 'string')
    return { kind: 'opaque', dtype, shape, message: bytes, ...carried(message) };
  if (message.dataLocation === 1) return readExternal(message, dtype, shape);
  return { kind: 'inline', tensor: inlineData(message, dtype, shape), ...carried(message) };
}

/** Reads a sparse tensor as an initializer, whose name is that of its values. */
export function readSparseTensor(bytes: Uint8Array): ConstantData {
  const { values, dims } = readMessage(sparseTensorSchema, bytes);
  const { name = '' } = values ? readMessage(tensorNameSchema, values) : {};
  return { kind: 'opaque', sparse: true, dtype: undefined, shape: dims.map(toDimension), message: bytes, name };
}

/** Converts a dimension. Larger ones than a safe integer are refused; no real tensor comes near that size. */
function toDimension(value: bigint): number {
  if (value < 0n || value > BigInt(Number.MAX_SAFE_INTEGER))
    throw new RangeError(`a tensor has the dimension ${value}`);
  return Number(value);
}

function carried({ name, docString, unknown }: TensorMessage): Carried {
  return {
    ...(name ? { name } : {}),
    ...(docString ? { docString } : {}),
    ...(unknown.length > 0 ? { unknown } : {}),
  };
}

function readExternal(message: TensorMessage, dtype: DataType, shape: readonly number[]): ConstantData {
  const entries = message.externalData.map(({ key = '', value = '' }) => [key, value] as const);
  const find = (wanted: string): string | undefined => entries.find(([key]) => key === wanted)?.[1];
  const location = find('location');
  if (location === undefined) throw new RangeError(`external tensor ${message.name} names no file`);
  const length = byteLength(dtype, shape);
  if (!Number.isSafeInteger(length))
    throw new RangeError(`external tensor ${message.name} is larger than can be counted`);
  const declared = find('length');
  if (declared !== undefined && toOffset(declared) !== length) {
    throw new RangeError(`external tensor ${message.name} has ${declared} bytes, its shape needs ${length}`);
  }
  assertRelative(location);
  const extra = entries.filter(([key]) => !['location', 'offset', 'length'].includes(key));
  const place = { location, offset: toOffset(find('offset') ?? '0'), length };
  return { kind: 'external', ...place, dtype, shape, ...(extra.length > 0 ? { extra } : {}), ...carried(message) };
}

function toOffset(text: string): number {
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(value)) throw new RangeError(`${JSON.stringify(text)} is no offset or length`);
  return value;
}

function inlineData(message: TensorMessage, dtype: DataType, shape: readonly number[]): TensorData {
  const expected = byteLength(dtype, shape);
  const bytes = message.rawData ?? typedData(message, dtype, shape);
  if (bytes.length !== expected || !Number.isSafeInteger(expected)) {
    throw new RangeError(`tensor ${message.name} has ${bytes.length} bytes, its shape needs ${expected}`);
  }
  return { dtype, shape, bytes };
}

/** ONNX stores small types in int32_data, and half-precision floats there as their 16 bits. */
function typedData(message: TensorMessage, dtype: DataType, shape: readonly number[]): Uint8Array {
  const values = valuesOf(message, dtype);
  const isPacked = dtype === 'int4' || dtype === 'uint4';
  const count = isPacked ? byteLength(dtype, shape) : elementCount(shape);
  if (values.length !== count)
    throw new RangeError(`tensor ${message.name} has ${values.length} values, its shape needs ${count}`);
  if (isPacked) return Uint8Array.from(values as number[]);
  const storage = dtype === 'float8e4m3fn' ? 'uint8' : dtype === 'float16' || dtype === 'bfloat16' ? 'uint16' : dtype;
  return tensorOf(storage, shape, values).bytes;
}

function valuesOf(message: TensorMessage, dtype: DataType): readonly number[] | readonly bigint[] {
  switch (dtype) {
    case 'float32':
      return message.floatData;
    case 'float64':
      return message.doubleData;
    case 'int64':
      return message.int64Data;
    case 'uint32':
    case 'uint64':
      return message.uint64Data;
    default:
      return message.int32Data;
  }
}
