import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { measureBatch } from './data/batches.ts';
import type { Example } from './data/example.ts';
import { splitByLength } from './split-by-length.ts';

/** A row whose last token is a target: one token less is fed. */
const row = (length: number): Example => {
  const inputIds = new Int32Array(length + 1).fill(3);
  return { inputIds, labels: inputIds };
};
const lengthOf = (example: Example): number => measureBatch([example]).seq;
const lengths = (passes: readonly (readonly Example[])[]): number[][] =>
  passes.map((pass) => pass.map(({ inputIds }) => inputIds.length - 1));
const cost = (passes: number[][]): number =>
  passes.reduce((sum, pass) => sum + pass.length * Math.max(...pass) + 64, 0);

describe('splitByLength', () => {
  it('leaves rows of like length together', () => {
    expect(lengths(splitByLength([12, 9, 11].map(row), lengthOf))).toEqual([[9, 11, 12]]);
  });

  it('keeps a long row from padding many short ones', () => {
    expect(lengths(splitByLength([10, 128, 11, 12, 120].map(row), lengthOf))).toEqual([
      [10, 11, 12],
      [120, 128],
    ]);
  });

  it('counts only what has to be computed of a row', () => {
    const labels = new Int32Array(129).fill(-100);
    labels[1] = 3;
    const shortLoss = { inputIds: row(128).inputIds, labels };
    expect(splitByLength([shortLoss, row(2), row(3)], lengthOf)).toHaveLength(1);
  });

  it('puts every row in exactly one pass, and never costs more than one pass or any split in two', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1, maxLength: 12 }), (chosen) => {
        const passes = lengths(splitByLength(chosen.map(row), lengthOf));
        const sorted = chosen.toSorted((a, b) => a - b);
        expect(passes.flat()).toEqual(sorted);
        expect(passes.every((pass) => pass.length > 0)).toBe(true);
        const splits = sorted.map((_, k) => [sorted.slice(0, k), sorted.slice(k)].filter((pass) => pass.length > 0));
        expect(cost(passes)).toBeLessThanOrEqual(Math.min(...splits.map(cost)));
      }),
    );
  });
});
