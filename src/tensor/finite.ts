import { breathe, EspalierError } from '../core/index.ts';
import { elementSize, type DataType } from './data-type.ts';
import { toFloat32, typedArray, type TensorData, type TypedArray } from './tensor-data.ts';

/** Number of elements checked before other tasks run: less than a millisecond of work. */
const elementsPerSlice = 2 ** 18;

/** The exponent bits of a type. If all of them are set, the value is NaN or an infinity. */
const exponentBits: Partial<Record<DataType, number>> = { float16: 0x7c00, bfloat16: 0x7f80 };

/**
 * Throws if a tensor contains NaN or an infinity. Tensors of integers are accepted. Large tensors are checked in slices.
 *
 * @throws EspalierError TENSOR_NOT_FINITE with the name and the first such element
 */
export async function assertFinite(tensor: TensorData, name: string): Promise<void> {
  const array = typedArray(tensor);
  const exponent = exponentBits[tensor.dtype];
  for (let start = 0; start < array.length; start += elementsPerSlice) {
    if (start > 0) await breathe();
    const slice = array.subarray(start, start + elementsPerSlice);
    const bad = firstNonFinite(slice, exponent);
    if (bad >= 0) throw notFinite(tensor, name, start + bad);
  }
}

function firstNonFinite(values: TypedArray, exponent: number | undefined): number {
  if (values instanceof Float32Array || values instanceof Float64Array) {
    for (let i = 0; i < values.length; i++) if (!Number.isFinite(values[i])) return i;
  }
  if (values instanceof Uint16Array && exponent !== undefined) {
    for (let i = 0; i < values.length; i++) if (((values[i] ?? 0) & exponent) === exponent) return i;
  }
  return -1;
}

function notFinite(tensor: TensorData, name: string, index: number): EspalierError {
  const size = elementSize(tensor.dtype);
  const bytes = tensor.bytes.slice(index * size, (index + 1) * size);
  return new EspalierError('TENSOR_NOT_FINITE', { name, index, value: toFloat32({ ...tensor, bytes })[0] ?? NaN });
}
