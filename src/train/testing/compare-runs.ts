import { join } from 'node:path';
import { loadSafetensors, toFloat32 } from '../../tensor/index.ts';

/** The trained tensors of an adapter's folder, in f32. */
export async function trainedWeights(output: string): Promise<ReadonlyMap<string, Float32Array>> {
  const { tensors } = await loadSafetensors(join(output, 'adapter_model.safetensors'));
  return new Map([...tensors].map(([name, tensor]) => [name, toFloat32(tensor)]));
}

/** ‖a − b‖ / ‖b‖ over all tensors together; NaN if they have other names or lengths. */
export function relativeDistance(a: ReadonlyMap<string, Float32Array>, b: ReadonlyMap<string, Float32Array>): number {
  let [difference, norm] = [0, 0];
  for (const name of new Set([...a.keys(), ...b.keys()])) {
    const [left = new Float32Array(), right = new Float32Array()] = [a.get(name), b.get(name)];
    for (let i = 0; i < Math.max(left.length, right.length); i++) {
      difference += ((left[i] ?? NaN) - (right[i] ?? NaN)) ** 2;
      norm += (right[i] ?? NaN) ** 2;
    }
  }
  return Math.sqrt(difference / norm);
}
