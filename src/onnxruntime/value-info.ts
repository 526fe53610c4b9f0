import { type DataType, dataTypeOf } from '../tensor/index.ts';
import { ort, receive } from './ffi/ort.ts';
import type { Pointer } from '../native/index.ts';
import { readText, receiveText } from './ffi/read-native.ts';

/** The declaration of an input or output of a session. */
export interface ValueInfo {
  readonly name: string;
  /** undefined if it is not a tensor, or has a type that TensorData does not support. */
  readonly dtype: DataType | undefined;
  /** The number of a fixed dimension, the symbol of a named one, or '?' if the model does not declare the dimension. */
  readonly shape: readonly (number | string)[];
}

export function readInputs(session: Pointer): ValueInfo[] {
  const { api, allocator } = ort();
  const count = Number(receive((out) => api.SessionGetInputCount(session, out)));
  return Array.from({ length: count }, (_, index) => {
    const name = receiveText((out) => api.SessionGetInputName(session, index, allocator, out));
    return { name, ...readType(receive((out) => api.SessionGetInputTypeInfo(session, index, out))) };
  });
}

export function readOutputs(session: Pointer): ValueInfo[] {
  const { api, allocator } = ort();
  const count = Number(receive((out) => api.SessionGetOutputCount(session, out)));
  return Array.from({ length: count }, (_, index) => {
    const name = receiveText((out) => api.SessionGetOutputName(session, index, allocator, out));
    return { name, ...readType(receive((out) => api.SessionGetOutputTypeInfo(session, index, out))) };
  });
}

/** Type and shape from an OrtTypeInfo, which is released. */
function readType(type: Pointer): Omit<ValueInfo, 'name'> {
  const { api } = ort();
  try {
    const info = receive((out) => api.CastTypeInfoToTensorInfo(type, out));
    if (info === 0n) return { dtype: undefined, shape: [] };
    return { dtype: readElementType(info), shape: readShape(info) };
  } finally {
    api.ReleaseTypeInfo(type);
  }
}

/** The element type of an OrtTensorTypeAndShapeInfo. */
export function readElementType(info: Pointer): DataType | undefined {
  const elementType = new Int32Array(1);
  ort().api.GetTensorElementType(info, elementType);
  return dataTypeOf(elementType[0] ?? 0);
}

/** The dims of an OrtTensorTypeAndShapeInfo. */
export function readShape(info: Pointer): (number | string)[] {
  const { api } = ort();
  const rank = Number(receive((out) => api.GetDimensionsCount(info, out)));
  const dims = new BigInt64Array(rank);
  const symbols = new BigUint64Array(rank);
  api.GetDimensions(info, dims, rank);
  api.GetSymbolicDimensions(info, symbols, rank);
  return Array.from(dims, (dim, axis) => (dim >= 0n ? Number(dim) : readText(symbols[axis] ?? 0n) || '?'));
}
