import { bfloat16ToNumber, numberToBfloat16, tensorOf, type TensorData } from '../../tensor/index.ts';
import type { AttentionLayer } from './decoder-config.ts';

/**
 * The numbers that ALiBi adds to the scores of each head, by the position of the key.
 *
 * WHY bfloat16: transformers computes slopes, positions and products in bfloat16, also for models in f32.
 *
 * @param scale  the factor of the products of queries and keys, which applies to these numbers too
 * @returns f32 [heads, positions]
 * @see Press et al. 2022, "Train Short, Test Long", section 3
 */
export function alibiTable(heads: number, positions: number, scale: number): TensorData {
  const table = new Float32Array(heads * positions);
  const columns = Float64Array.from({ length: positions }, (_, position) => rounded(position));
  alibiSlopes(heads).forEach((slope, head) => {
    columns.forEach((position, i) => (table[head * positions + i] = rounded(slope * position) * scale));
  });
  return tensorOf('float32', [heads, positions], table);
}

/** For a number of heads that is no power of 2, slopes between those of the next power of 2 follow. */
function alibiSlopes(heads: number): number[] {
  const power = 2 ** Math.floor(Math.log2(heads));
  const base = 2 ** -(2 ** -(Math.log2(power) - 3));
  const between = 2 ** -(2 ** -(Math.log2(2 * power) - 3));
  return Array.from({ length: heads }, (_, head) =>
    rounded(head < power ? base ** (head + 1) : between ** (2 * (head - power) + 1)),
  );
}

function rounded(value: number): number {
  return bfloat16ToNumber(numberToBfloat16(value));
}

/** The factor of the queries at each position, f32 [positions, 1]; undefined if it is 1 at all of them. */
export function queryFactors(growth: AttentionLayer['queryGrowth'], positions: number): TensorData | undefined {
  if (growth === undefined || positions <= growth.length) return undefined;
  const { beta, length } = growth;
  const factors = Float32Array.from(
    { length: positions },
    (_, position) => 1 + beta * Math.log(1 + Math.floor(position / length)),
  );
  return tensorOf('float32', [positions, 1], factors);
}
