import type { Floats } from '../optimizer/optimizer.ts';
import { inSlices } from '../loop/slices.ts';

/**
 * The Euclidean norm of all gradients together, summed in f64.
 * @returns NaN or Infinity if a gradient is not finite
 */
export async function globalNorm(gradients: Floats): Promise<number> {
  let sum = 0;
  await inSlices(gradients.length, (start, end) => {
    let part = 0;
    for (let i = start; i < end; i++) {
      const g = gradients[i] ?? 0;
      part += g * g;
    }
    sum += part;
  });
  return Math.sqrt(sum);
}

/**
 * The factor that makes the norm of gradients at most `maxNorm`: min(1, maxNorm / (norm + 1e-6)).
 * @param maxNorm  0 turns clipping off
 * @see PyTorch's `torch.nn.utils.clip_grad_norm_`
 */
export function clipCoefficient(norm: number, maxNorm: number): number {
  return maxNorm === 0 ? 1 : Math.min(1, maxNorm / (norm + 1e-6));
}

/** sum += part, in slices. */
export async function addInto(sum: Floats, part: Floats): Promise<void> {
  await inSlices(sum.length, (start, end) => {
    for (let i = start; i < end; i++) sum[i] = (sum[i] ?? 0) + (part[i] ?? 0);
  });
}

/** values = 0, in slices. */
export async function clearAll(values: Floats): Promise<void> {
  await inSlices(values.length, (start, end) => values.fill(0, start, end));
}

/** sum = part, in slices. */
export async function copyInto(sum: Floats, part: Floats): Promise<void> {
  await inSlices(sum.length, (start, end) => sum.set(part.subarray(start, end), start));
}
