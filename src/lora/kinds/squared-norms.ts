import { breathe } from '../../core/index.ts';
import type { Model } from '../../ir/index.ts';
import { tensorOf, type TensorOf } from '../../tensor/index.ts';
import { readBaseWeights } from './read-base-weights.ts';

/**
 * The squared length of each row of the weights of these modules, f32 [out] for each module. The sums are in double precision.
 *
 * @throws EspalierError the errors of `readBaseWeights`
 */
export async function readSquaredNorms(
  model: Model,
  paths: readonly string[],
  options: { readonly folder: string },
): Promise<Map<string, TensorOf<'float32'>>> {
  const result = new Map<string, TensorOf<'float32'>>();
  for await (const { path, values, in: width, out } of readBaseWeights(model, paths, options)) {
    const norms = new Float32Array(out);
    for (let row = 0; row < out; row++) {
      if (row % 64 === 0) await breathe();
      let sum = 0;
      for (let i = row * width; i < (row + 1) * width; i++) sum += (values[i] ?? 0) ** 2;
      norms[row] = sum;
    }
    result.set(path, tensorOf('float32', [out], norms));
  }
  return result;
}
