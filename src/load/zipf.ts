import type { Random } from '../core/index.ts';

/**
 * Draws indices from 0 with the probability of index i proportional to 1 / (i + 1)^exponent. Exponent 0 draws all alike.
 * @param count  from 1
 */
export function createZipf(count: number, exponent: number): (random: Random) => number {
  const sums = new Float64Array(count);
  let sum = 0;
  for (let i = 0; i < count; i++) {
    sum += (i + 1) ** -exponent;
    sums[i] = sum;
  }
  return (random) => firstAbove(sums, random.uniform() * sum);
}

/** The first index whose sum is above the target, by bisection. */
function firstAbove(sums: Float64Array, target: number): number {
  let [low, high] = [0, sums.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sums[middle] ?? 0) > target) high = middle;
    else low = middle + 1;
  }
  return low;
}
