import { loadSafetensors, toFloat32 } from '../../tensor/index.ts';

/**
 * The largest difference between the numbers of two files of weights.
 * @throws TypeError if their tensors have other names or sizes
 */
export async function largestDifference(a: string, b: string): Promise<number> {
  const [left, right] = [await loadSafetensors(a), await loadSafetensors(b)];
  if (left.tensors.size !== right.tensors.size) throw new TypeError(`${a} and ${b} have other tensors`);
  let largest = 0;
  for (const [name, tensor] of left.tensors) {
    const other = right.tensors.get(name);
    const [mine, others] = [toFloat32(tensor), other === undefined ? new Float32Array() : toFloat32(other)];
    if (mine.length !== others.length) throw new TypeError(`${name} is another tensor in ${b}`);
    mine.forEach((value, i) => (largest = Math.max(largest, Math.abs(value - (others[i] ?? NaN)))));
  }
  return largest;
}
