import { createRandom } from '../../core/index.ts';

export interface BatchOrder {
  readonly batchSize: number;
  /** Whether the order is drawn anew in each epoch; else it is that of the file. */
  readonly shuffle: boolean;
  readonly seed: number;
  /** Counted from 0. The order depends on nothing but (seed, epoch, number of examples). */
  readonly epoch: number;
}

/** Deals one epoch's examples into batches; every example is in exactly one, and the last may be smaller. */
export function createBatches<Row>(examples: readonly Row[], order: BatchOrder): readonly (readonly Row[])[] {
  const { batchSize, shuffle, seed, epoch } = order;
  const dealt = shuffle ? createRandom(seed, `shuffle/${epoch}`).shuffle([...examples]) : examples;
  return Array.from({ length: Math.ceil(dealt.length / batchSize) }, (_, i) =>
    dealt.slice(i * batchSize, (i + 1) * batchSize),
  );
}
