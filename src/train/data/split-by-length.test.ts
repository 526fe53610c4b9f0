import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { packedCost, paddedCost, splitByLength, type PassCost } from './split-by-length.ts';

/** Rows are told by their lengths. */
const split = (lengths: readonly number[], costOf: PassCost): readonly (readonly number[])[] =>
  splitByLength(lengths, { lengthOf: (length) => length, costOf });
const cost = (passes: readonly (readonly number[])[], costOf: PassCost): number =>
  passes.reduce((sum, pass) => {
    const tokens = pass.reduce((total, length) => total + length, 0);
    return sum + costOf({ rows: pass.length, longest: Math.max(...pass), tokens });
  }, 0);

describe('splitByLength', () => {
  it('leaves rows of like length together', () => {
    expect(split([12, 9, 11], paddedCost)).toEqual([[9, 11, 12]]);
  });

  it('keeps a long row from padding many short ones', () => {
    expect(split([10, 128, 11, 12, 120], paddedCost)).toEqual([
      [10, 11, 12],
      [120, 128],
    ]);
  });

  it('leaves rows end to end together where attention costs little beside the rest', () => {
    expect(split([10, 128, 11, 12, 120], packedCost(1e-4))).toHaveLength(1);
  });

  it('keeps a very long row from filling up the attention of short ones', () => {
    expect(split([64, 4096, 64, 64, 64, 64, 64, 64], packedCost(1e-4))).toEqual([Array(7).fill(64), [4096]]);
  });

  it.each([
    ['padded', paddedCost],
    ['packed', packedCost(0.003)],
  ])('puts every row in exactly one pass, and never costs more than one pass or any split in two (%s)', (_, costOf) => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1, maxLength: 12 }), (chosen) => {
        const passes = split(chosen, costOf);
        const sorted = chosen.toSorted((a, b) => a - b);
        expect(passes.flat()).toEqual(sorted);
        expect(passes.every((pass) => pass.length > 0)).toBe(true);
        const splits = sorted.map((__, k) => [sorted.slice(0, k), sorted.slice(k)].filter((pass) => pass.length > 0));
        expect(cost(passes, costOf)).toBeLessThanOrEqual(Math.min(...splits.map((each) => cost(each, costOf))) + 1e-6);
      }),
    );
  });
});
