import { createRandom } from '../../core/index.ts';

export interface BatchOrder {
  readonly batchSize: number;
  /** Whether the order is drawn anew in each epoch; else it is that of the file. */
  readonly shuffle: boolean;
  readonly seed: number;
  /** Counted from 0. The order depends on nothing but (seed, epoch, number of rows). */
  readonly epoch: number;
}

/** Deals one epoch's rows, by their numbers, into batches; every row is in exactly one, and the last may be smaller. */
export function createBatches(rows: number, order: BatchOrder): readonly (readonly number[])[] {
  const { batchSize, shuffle, seed, epoch } = order;
  const dealt = Array.from({ length: rows }, (_, index) => index);
  if (shuffle) createRandom(seed, `shuffle/${epoch}`).shuffle(dealt);
  return Array.from({ length: Math.ceil(rows / batchSize) }, (_, i) => dealt.slice(i * batchSize, (i + 1) * batchSize));
}
