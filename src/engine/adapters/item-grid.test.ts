import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { windowOf, type AppliedAdapter } from './adapter-window.ts';
import { fillItems, planItems } from './item-grid.ts';

const unit = 4;
const [blocksInAll, rowsInAll] = [6, 5];

/** A run of whole blocks. */
const adapter = fc.record({
  first: fc.nat(blocksInAll - 1),
  count: fc.integer({ min: 1, max: 3 }),
  scale: fc.integer({ min: 1, max: 9 }),
});
const anyBatch = fc.array(fc.array(adapter, { maxLength: 3 }), { minLength: 1, maxLength: rowsInAll });

function placed(row: readonly { first: number; count: number; scale: number }[]): AppliedAdapter[] {
  return row.map(({ first, count, scale }) => ({
    rows: { start: unit * (first + 1), end: unit * (first + 1 + count) },
    scale,
  }));
}

describe('the items of a decode step', () => {
  it('add to each row the blocks of its own adapters, as often as they are named, and nothing else', () => {
    fc.assert(
      fc.property(anyBatch, (drawn) => {
        const batch = drawn.map(placed);
        const window = windowOf(batch, unit);
        const planned = planItems(window, unit, batch);
        const { blocks, places } = planned.grid;
        const items = blocks * places;
        const into = {
          rows: new Int32Array(2 * items).fill(77),
          shares: new Float32Array(batch.length * items).fill(77),
        };
        fillItems(into, planned);
        for (const [row, adapters] of batch.entries()) {
          // What a product of every row with every block gives: item i is row `rows[i]` times block i / places.
          const found = new Map<number, number>();
          for (let item = 0; item < items; item++) {
            const share = into.shares[row * items + item] ?? NaN;
            if (share === 0) continue;
            expect(into.rows[2 * item]).toBe(row);
            const block = window.start / unit + Math.floor(item / places);
            found.set(block, (found.get(block) ?? 0) + share);
          }
          const wanted = new Map<number, number>();
          for (const { rows, scale } of adapters) {
            for (let block = rows.start / unit; block < rows.end / unit; block++) {
              wanted.set(block, (wanted.get(block) ?? 0) + scale);
            }
          }
          expect(found).toEqual(wanted);
        }
        for (let item = 0; item < items; item++) {
          expect(into.rows[2 * item]).toBeLessThan(batch.length);
          expect(into.rows[2 * item + 1]).toBe(0);
        }
      }),
    );
  });

  it('take as many products as rows where each row has an adapter of its own', () => {
    const batch = [0, 1, 2].map((first) => placed([{ first, count: 1, scale: 1 }]));
    expect(planItems(windowOf(batch, unit), unit, batch).grid).toEqual({ blocks: 3, places: 1 });
  });

  it('are one empty item for a batch of the base', () => {
    expect(planItems(windowOf([[], []], unit), unit, [[], []]).grid).toEqual({ blocks: 1, places: 1 });
  });
});
