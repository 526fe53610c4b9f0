import { breathe } from '../core/index.ts';
import { elementSize } from './data-type.ts';
import { toFloat32, typedArray, type TensorData } from './tensor-data.ts';

/** Number of elements converted before other tasks run: about a millisecond of work. */
const elementsPerSlice = 2 ** 16;

/**
 * Converts the elements to f32, like `toFloat32`, but in slices, so that tensors of any size do not block the event loop.
 *
 * @throws EspalierError DTYPE_UNSUPPORTED for types that are not floats
 */
export async function convertToFloat32(tensor: TensorData): Promise<Float32Array> {
  if (tensor.dtype === 'float32') return toFloat32(tensor);
  const size = elementSize(tensor.dtype);
  const { length } = typedArray(tensor);
  const result = new Float32Array(length);
  for (let start = 0; start < length; start += elementsPerSlice) {
    if (start > 0) await breathe();
    const bytes = tensor.bytes.subarray(start * size, (start + elementsPerSlice) * size);
    result.set(toFloat32({ ...tensor, bytes }), start);
  }
  return result;
}
