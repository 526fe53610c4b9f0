import { createRandom } from '#internal/core';

/** Batches whose rows are sorted together: enough that rows of one batch are about equally long. */
const batchesPerBlock = 50;

export interface GroupOptions {
  /** Rows of a batch, as the training will take them, in the order of the file. */
  readonly batchSize: number;
  readonly seed: number;
}

/**
 * Puts rows of about one length next to each other, so that batches in file order hold little padding; the batches of a
 * block come in random order. Without it more than half of a step is spent on padding.
 */
export function groupByLength<Row>(rows: readonly Row[], length: (row: Row) => number, options: GroupOptions): Row[] {
  const { batchSize, seed } = options;
  const random = createRandom(seed, 'group-by-length');
  const grouped: Row[] = [];
  for (let at = 0; at < rows.length; at += batchSize * batchesPerBlock) {
    const block = rows.slice(at, at + batchSize * batchesPerBlock).toSorted((a, b) => length(a) - length(b));
    const starts = Array.from({ length: Math.ceil(block.length / batchSize) }, (_, i) => i * batchSize);
    for (const start of random.shuffle(starts)) grouped.push(...block.slice(start, start + batchSize));
  }
  return grouped;
}
