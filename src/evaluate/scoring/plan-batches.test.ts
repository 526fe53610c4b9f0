import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { planBatches } from './plan-batches.ts';

describe('planBatches', () => {
  it('puts rows of like length together', () => {
    expect(planBatches([9, 2, 8, 3], 20)).toEqual([
      [1, 3],
      [2, 0],
    ]);
  });

  it('deals every row once, and keeps to the limit unless one row alone is longer', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 50 })), fc.integer({ min: 1, max: 120 }), (lengths, maxTokens) => {
        const batches = planBatches(lengths, maxTokens);
        expect(batches.flat().sort((a, b) => a - b)).toEqual([...lengths.keys()]);
        for (const batch of batches) {
          const padded = batch.length * Math.max(...batch.map((row) => lengths[row] ?? 0));
          expect(batch.length === 1 || padded <= maxTokens).toBe(true);
        }
      }),
    );
  });
});
