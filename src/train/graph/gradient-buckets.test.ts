import { describe, expect, it } from 'vitest';
import { bucketsOf, rangesOf } from './gradient-buckets.ts';

const specs = [5, 16, 3, 40, 1].map((size, i) => ({ name: `parameter ${i}`, shape: [size] }));

describe('bucketsOf', () => {
  it.each([
    [
      1,
      [
        [4, 5],
        [3, 4],
        [2, 3],
        [1, 2],
        [0, 1],
      ],
    ],
    [
      48,
      [
        [3, 5],
        [1, 3],
        [0, 1],
      ],
    ],
    [1e6, [[0, 5]]],
  ])('of at least %i bytes begin at the last parameter and leave none out', (bytes, expected) => {
    expect(bucketsOf(specs, bytes).map(({ first, end }) => [first, end])).toEqual(expected);
  });

  it('are few, also of many parameters', () => {
    const many = Array.from({ length: 500 }, (_, i) => ({ name: String(i), shape: [1000, 1000] }));
    expect(bucketsOf(many).length).toBeLessThanOrEqual(16);
    expect(bucketsOf(many).length).toBeGreaterThan(8);
    expect(bucketsOf([])).toEqual([]);
  });

  it('hold every element once, gaps included', () => {
    const starts = [0, 16, 32, 48, 96];
    const entries = specs.map((spec, i) => ({
      ...spec,
      start: starts[i] ?? 0,
      end: (starts[i] ?? 0) + (spec.shape[0] ?? 0),
    }));
    const ranges = rangesOf(entries, { length: 112, buckets: bucketsOf(specs, 48) });
    expect(ranges).toEqual([
      { start: 48, end: 112 },
      { start: 16, end: 48 },
      { start: 0, end: 16 },
    ]);
  });
});
