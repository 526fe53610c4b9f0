import type { RankRows } from './rank-rows.ts';

/** One adapter version, as a row of a batch uses it. */
export interface AppliedAdapter {
  readonly rows: RankRows;
  /** The factor that the request gives. The stacked B rows already contain `alpha / rank`. */
  readonly scale: number;
}

/**
 * The smallest range of rank rows that contains every adapter of a batch; the first block, which is always zero, for a batch without.
 * @param unit  rows of a block
 */
export function windowOf(batch: Iterable<readonly AppliedAdapter[]>, unit = 1): RankRows {
  let [start, end] = [Infinity, 0];
  for (const adapters of batch) {
    for (const { rows } of adapters) [start, end] = [Math.min(start, rows.start), Math.max(end, rows.end)];
  }
  return end === 0 ? { start: 0, end: unit } : { start, end };
}

/**
 * Writes the mask that selects the adapters of each row of a batch: the request's scale at the columns of its adapters, 0 elsewhere.
 *
 *   y = x·W + ((x·Aᵀ) ∘ mask)·B
 *
 * @param mask  f32 [batch, window]; all of it is written
 */
export function fillMask(mask: Float32Array, window: RankRows, batch: readonly (readonly AppliedAdapter[])[]): void {
  const width = window.end - window.start;
  mask.fill(0, 0, batch.length * width);
  for (const [row, adapters] of batch.entries()) {
    const origin = row * width - window.start;
    for (const { rows, scale } of adapters) {
      for (let column = rows.start; column < rows.end; column++) {
        // Added, not set: a request may name one version twice.
        mask[origin + column] = (mask[origin + column] ?? 0) + scale;
      }
    }
  }
}
