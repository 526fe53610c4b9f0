import { float16ToNumber, bfloat16ToNumber, typedArray, type TensorData } from '../tensor/index.ts';
import type { Answer } from './batch-runner.ts';

/**
 * How far a joined row may be from the same row alone, relative to the largest value of the output. Kernels sum in another order
 * for another number of rows; a model that mixes rows is off by far more.
 */
const tolerances: Partial<Record<TensorData['dtype'], number>> = {
  float32: 1e-4,
  float64: 1e-9,
  float16: 1e-2,
  bfloat16: 5e-2,
};

/** Whether two answers to one request are the same, up to rounding. */
export function answersAgree(a: Answer, b: Answer): boolean {
  return [...a].every(([name, tensor]) => {
    const other = b.get(name);
    return other !== undefined && tensorsAgree(tensor, other);
  });
}

function tensorsAgree(a: TensorData, b: TensorData): boolean {
  if (a.shape.join() !== b.shape.join()) return false;
  const tolerance = tolerances[a.dtype];
  if (tolerance === undefined) return Buffer.compare(a.bytes, b.bytes) === 0;
  const [x, y] = [numbersOf(a), numbersOf(b)];
  let largest = 0;
  for (const value of y) if (Number.isFinite(value)) largest = Math.max(largest, Math.abs(value));
  return x.every((value, place) => {
    const other = y[place] ?? Number.NaN;
    return Object.is(value, other) || Math.abs(value - other) <= tolerance * largest;
  });
}

function numbersOf(tensor: TensorData): number[] {
  const array = typedArray(tensor);
  const widen = tensor.dtype === 'float16' ? float16ToNumber : tensor.dtype === 'bfloat16' ? bfloat16ToNumber : Number;
  return Array.from(array, (value: number | bigint) => widen(Number(value)));
}
