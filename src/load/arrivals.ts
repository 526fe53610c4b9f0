import type { Random } from '../core/index.ts';

export interface ArrivalOptions {
  /** Requests a second, in the mean. */
  readonly rate: number;
  /** Standard deviation of the gaps over their mean. 1 is a Poisson process; above it requests come in bursts; 0 is a steady beat. */
  readonly burstiness: number;
}

/**
 * Draws the time between two arrivals, in milliseconds. Gaps follow a Gamma distribution with mean 1 / rate:
 *
 *   shape = 1 / burstiness²        scale = burstiness² / rate
 *
 * @see Sheng et al. 2023, "S-LoRA", §7.1 (arrivals with a coefficient of variation)
 */
export function drawGapMs({ rate, burstiness }: ArrivalOptions, random: Random): number {
  const mean = 1000 / rate;
  if (burstiness === 0) return mean;
  if (burstiness === 1) return -Math.log(1 - random.uniform()) * mean;
  const shape = 1 / burstiness ** 2;
  return (drawGamma(shape, random) / shape) * mean;
}

/**
 * A Gamma variate with scale 1. @param shape above 0
 * @see Marsaglia and Tsang 2000, "A simple method for generating gamma variables"; §6 for shapes below 1
 */
function drawGamma(shape: number, random: Random): number {
  if (shape < 1) return drawGamma(shape + 1, random) * (1 - random.uniform()) ** (1 / shape);
  const d = shape - 1 / 3;
  const c = 1 / Math.sqrt(9 * d);
  for (;;) {
    const x = random.normal();
    const v = (1 + c * x) ** 3;
    if (v > 0 && Math.log(1 - random.uniform()) < x ** 2 / 2 + d - d * v + d * Math.log(v)) return d * v;
  }
}
