import { createRandom } from '#internal/core';

/** Number of batches whose rows are sorted together. It is large enough that the rows of a batch have similar lengths. */
const batchesPerBlock = 50;

export interface GroupOptions {
  /** Number of rows of a batch. The training must use the same size, and take the rows in the order of the file. */
  readonly batchSize: number;
  readonly seed: number;
}

/**
 * Groups rows of similar length, so that batches in file order contain little padding. The batches of a block are shuffled. Without
 * grouping, more than half of a step is spent on padding.
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
