import { breathe } from '../core/index.ts';
import { elementSize } from './data-type.ts';
import { toFloat32, typedArray, type TensorData } from './tensor-data.ts';

/** Elements converted before timers and sockets get their turn: about a millisecond. */
const elementsPerSlice = 2 ** 16;

/**
 * The elements as f32, as `toFloat32`, but of any size: the work is done in slices.
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
