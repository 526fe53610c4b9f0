import { Pace } from '../core/index.ts';
import { convertToFloat32, typedArray, type TensorData } from '../tensor/index.ts';
import type { Answer } from './batch-runner.ts';

/**
 * The largest allowed difference between a row in a joined batch and the same row alone, relative to the largest value of the output.
 * Kernels sum in another order for another number of rows. A model that mixes rows has a far larger difference.
 */
const tolerances: Partial<Record<TensorData['dtype'], number>> = {
  float32: 1e-4,
  float64: 1e-9,
  float16: 1e-2,
  bfloat16: 5e-2,
};

/** Elements that are compared between two checks of the clock. */
const elementsPerSlice = 2 ** 16;

/** Whether two answers to one request are the same, up to rounding. */
export async function answersAgree(a: Answer, b: Answer): Promise<boolean> {
  for (const [name, tensor] of a) {
    const other = b.get(name);
    if (other === undefined || !(await tensorsAgree(tensor, other))) return false;
  }
  return true;
}

async function tensorsAgree(a: TensorData, b: TensorData): Promise<boolean> {
  if (a.shape.join() !== b.shape.join()) return false;
  const tolerance = tolerances[a.dtype];
  if (tolerance === undefined) return Buffer.compare(a.bytes, b.bytes) === 0;
  const [x, y] = [await numbersOf(a), await numbersOf(b)];
  const pace = new Pace();
  let [largest, furthest] = [0, 0];
  for (let start = 0; start < x.length; start += elementsPerSlice) {
    for (let i = start; i < Math.min(x.length, start + elementsPerSlice); i++) {
      const [value = NaN, other = NaN] = [x[i], y[i]];
      if (Object.is(value, other)) continue;
      const distance = Math.abs(value - other);
      if (!Number.isFinite(distance)) return false;
      furthest = Math.max(furthest, distance);
      largest = Math.max(largest, Math.abs(other));
    }
    await pace.step();
  }
  return furthest <= tolerance * largest;
}

function numbersOf(tensor: TensorData): Promise<Float32Array> | Float64Array {
  if (tensor.dtype === 'float64') return typedArray({ ...tensor, dtype: 'float64' });
  return convertToFloat32(tensor);
}
