import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { createBatches } from './batches.ts';
import { countTargets } from './example.ts';

describe('createBatches', () => {
  const order = { batchSize: 4, shuffle: true, seed: 7, epoch: 0 };
  const rows = Array.from({ length: 30 }, (_, id) => id);
  const ids = (changes: Partial<typeof order>): number[] => createBatches(rows.length, { ...order, ...changes }).flat();
  const inFileOrder = rows;

  it('puts every example in exactly one batch, and keeps the last partial one', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40 }), fc.boolean(), fc.nat(), (batchSize, shuffle, seed) => {
        const batches = createBatches(rows.length, { batchSize, shuffle, seed, epoch: 0 });
        expect(batches.flat().toSorted((a, b) => a - b)).toEqual(rows);
        expect(batches.slice(0, -1).every((batch) => batch.length === batchSize)).toBe(true);
      }),
    );
  });

  it('draws the same order for the same seed and epoch, and another one for others', () => {
    expect(ids({})).toEqual(ids({}));
    expect(ids({ epoch: 1 })).not.toEqual(ids({}));
    expect(ids({ seed: 8 })).not.toEqual(ids({}));
  });

  it('keeps the order of the file where it does not shuffle', () => {
    expect(ids({ shuffle: false, epoch: 3 })).toEqual(inFileOrder);
    expect(ids({})).not.toEqual(inFileOrder);
  });
});

it('countTargets leaves out the first label, which nothing predicts', () => {
  expect(countTargets({ inputIds: Int32Array.of(1, 2, 3), labels: Int32Array.of(1, -100, 3) })).toBe(1);
});
