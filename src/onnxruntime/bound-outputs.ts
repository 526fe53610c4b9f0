import { EspalierError } from '../core/index.ts';
import { byteLength, elementCount, type TensorData } from '../tensor/index.ts';
import { ort, receive } from './ffi/ort.ts';
import type { Pointer } from '../native/index.ts';
import { copyBytes, readPointers } from './ffi/read-native.ts';
import { readStrings } from './string-tensor.ts';
import { readElementType, readShape } from './value-info.ts';

/**
 * Copies the outputs of a binding after a run.
 *
 * @param names the bound outputs in the order of their binding; the library returns them in this order
 */
export function readBoundOutputs(binding: Pointer, names: readonly string[]): { name: string; tensor: TensorData }[] {
  const { api, allocator } = ort();
  const count = new BigUint64Array(1);
  const array = receive((out) => api.GetBoundOutputValues(binding, allocator, out, count));
  if (array === 0n) return [];
  const values = readPointers(array, Number(count[0]));
  try {
    return values.map((value, index) => {
      const name = names[index] ?? String(index);
      return { name, tensor: copyTensor(name, value) };
    });
  } finally {
    for (const value of values) api.ReleaseValue(value);
    api.AllocatorFree(allocator, array);
  }
}

/** Copies a tensor that the library owns. @throws EspalierError OUTPUT_UNWRITTEN, DTYPE_UNSUPPORTED */
export function copyTensor(name: string, value: Pointer): TensorData {
  const { api } = ort();
  const hasValue = new Int32Array(1);
  api.HasValue(value, hasValue);
  if (hasValue[0] === 0) throw new EspalierError('OUTPUT_UNWRITTEN', { name });
  const info = receive((out) => api.GetTensorTypeAndShape(value, out));
  try {
    const dtype = readElementType(info);
    if (dtype === undefined) throw new EspalierError('DTYPE_UNSUPPORTED', { dtype: 'its type', use: `output ${name}` });
    const shape = readShape(info).map(Number);
    if (dtype === 'string') return { dtype, shape, bytes: readStrings(value, elementCount(shape)) };
    const start = receive((out) => api.GetTensorMutableData(value, out));
    return { dtype, shape, bytes: copyBytes(start, byteLength(dtype, shape)) };
  } finally {
    api.ReleaseTensorTypeAndShapeInfo(info);
  }
}
