import { createRandom } from '../../core/index.ts';

export interface BatchOrder {
  readonly batchSize: number;
  /** Whether the order is drawn anew for each epoch; otherwise it is the order of the file. */
  readonly shuffle: boolean;
  readonly seed: number;
  /** Counted from 0. The order depends on nothing but (seed, epoch, number of rows). */
  readonly epoch: number;
}

/** Divides the numbers of one epoch's rows into batches. Every row is in exactly one batch, and the last batch may be smaller. */
export function createBatches(rows: number, order: BatchOrder): readonly (readonly number[])[] {
  const { batchSize, shuffle, seed, epoch } = order;
  const dealt = Array.from({ length: rows }, (_, index) => index);
  if (shuffle) createRandom(seed, `shuffle/${epoch}`).shuffle(dealt);
  return Array.from({ length: Math.ceil(rows / batchSize) }, (_, i) => dealt.slice(i * batchSize, (i + 1) * batchSize));
}
