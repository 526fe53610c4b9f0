import type { AppliedAdapter } from './adapter-window.ts';
import type { RankRows } from './rank-rows.ts';

/**
 * The items of a decode step: each pairs a row of the batch with a block of rank rows that it uses. They lie in a grid with one line for
 * each block of the window and as many places in a line as the most used block needs; places beyond the uses of a block are empty.
 *
 * WHY a grid: one batched product multiplies each row by its own blocks only. A product of all rows with all rank rows, masked
 * afterwards, multiplies as many times more as the batch has adapters.
 */
export interface ItemGrid {
  readonly blocks: number;
  /** Places of each block. */
  readonly places: number;
}

/** The grid of a step without adapters: the first block, used by no row. */
export const emptyGrid: ItemGrid = { blocks: 1, places: 1 };

export interface PlannedItems {
  readonly grid: ItemGrid;
  /** Strength of each used block, by row of the batch and by block of the window. */
  readonly shares: readonly ReadonlyMap<number, number>[];
}

/** @param unit  rank rows of a block; every adapter's rows begin and end with a block */
export function planItems(
  { start, end }: RankRows,
  unit: number,
  batch: readonly (readonly AppliedAdapter[])[],
): PlannedItems {
  const uses = new Map<number, number>();
  const shares = batch.map((adapters) => {
    const own = new Map<number, number>();
    for (const { rows, scale } of adapters) {
      for (let block = (rows.start - start) / unit; block < (rows.end - start) / unit; block++) {
        // Added, not set: a request may name one version twice.
        own.set(block, (own.get(block) ?? 0) + scale);
      }
    }
    for (const block of own.keys()) uses.set(block, (uses.get(block) ?? 0) + 1);
    return own;
  });
  return { grid: { blocks: (end - start) / unit, places: Math.max(1, ...uses.values()) }, shares };
}

/** The arrays that a graph reads. */
export interface ItemArrays {
  /** The low halves of int64 [items], every other number: the row of each item. */
  readonly rows: Int32Array;
  /** f32 [batch, items]: the strength with which an item is added to a row. */
  readonly shares: Float32Array;
}

/** Writes planned items. Empty places read row 0 and are added to none. */
export function fillItems({ rows, shares }: ItemArrays, { grid: { blocks, places }, shares: own }: PlannedItems): void {
  const items = blocks * places;
  rows.fill(0, 0, 2 * items);
  shares.fill(0, 0, own.length * items);
  const used = new Uint32Array(blocks);
  for (const [row, blocksOfRow] of own.entries()) {
    for (const [block, share] of blocksOfRow) {
      const item = block * places + (used[block] ?? 0);
      used[block] = (used[block] ?? 0) + 1;
      rows[2 * item] = row;
      shares[row * items + item] = share;
    }
  }
}
