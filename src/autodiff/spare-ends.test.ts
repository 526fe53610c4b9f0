import { describe, expect, it } from 'vitest';
import { spareEnds } from './spare-ends.ts';

/** Layers of two segments, an attention and a feed-forward part. */
function layers(
  count: number,
  sizes: { readonly attention: number; readonly feedForward: number; readonly end: number },
) {
  const { attention, feedForward, end } = sizes;
  return Array.from({ length: count }, () => [
    { end, within: attention },
    { end, within: feedForward },
  ]).flat();
}

describe('spareEnds', () => {
  it('joins the smaller segment of each layer to the larger one behind it, and keeps the last end', () => {
    const segments = layers(24, { attention: 8, feedForward: 30, end: 1 }).slice(0, -1);
    expect([...spareEnds(segments)]).toEqual(Array.from({ length: 23 }, (_, layer) => 2 * layer));
  });

  it('takes the other ones if theirs is the smaller part', () => {
    expect([...spareEnds(layers(12, { attention: 40, feedForward: 3, end: 1 }))]).toEqual(
      Array.from({ length: 11 }, (_, layer) => 2 * layer + 1),
    );
  });

  it.each([0, 1])('takes the choice whose sizes are known, where a size of the other is not: %i', (unknown) => {
    const segments = layers(12, { attention: 3, feedForward: 3, end: 1 });
    const some = segments.map((segment, i) => (i === 4 + unknown ? { ...segment, within: NaN } : segment));
    const spared = [...spareEnds(some)];
    expect(spared.length).toBeGreaterThan(10);
    expect(new Set(spared.map((i) => i % 2))).toEqual(new Set([1 - unknown]));
  });

  it.each([
    ['few layers', layers(4, { attention: 8, feedForward: 30, end: 1 })],
    ['long rows, whose attention is large', layers(24, { attention: 100, feedForward: 30, end: 1 })],
    ['a size that is not known', layers(24, { attention: Infinity, feedForward: NaN, end: 1 })],
    ['ends whose size is not known', layers(24, { attention: 8, feedForward: 30, end: NaN })],
    ['no segment', []],
    ['one segment', [{ end: 5, within: 1 }]],
  ])('keeps all ends with %s', (_, segments) => {
    expect(spareEnds(segments).size).toBe(0);
  });
});
