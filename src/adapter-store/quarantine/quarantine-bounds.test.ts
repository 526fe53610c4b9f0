import { describe, expect, it } from 'vitest';
import { beyondBounds, type QuarantineBounds } from './quarantine-bounds.ts';

const day = 86_400_000;
/** Refused on the days 1 to 5, in no order. */
const found = [
  { id: 'c', time: 3 * day, bytes: 30 },
  { id: 'a', time: 1 * day, bytes: 10 },
  { id: 'e', time: 5 * day, bytes: 50 },
  { id: 'b', time: 2 * day, bytes: 20 },
  { id: 'd', time: 4 * day, bytes: 40 },
];

function gone(bounds: QuarantineBounds): string {
  return beyondBounds(found, bounds, 5 * day)
    .map(({ id }) => id)
    .join('');
}

describe('what is beyond the bounds of a quarantine', () => {
  it.each<[QuarantineBounds, string]>([
    [{}, ''],
    [{ count: 5, bytes: 150, ageMs: 4 * day }, ''],
    [{ count: 2 }, 'abc'],
    [{ bytes: 149 }, 'a'],
    [{ bytes: 90 }, 'abc'],
    // Older ones go although they would fit.
    [{ bytes: 89 }, 'abcd'],
    [{ bytes: 1 }, 'abcde'],
    [{ ageMs: 2 * day }, 'ab'],
    [{ ageMs: 2 * day - 1 }, 'abc'],
    [{ count: 4, bytes: 100, ageMs: 3 * day }, 'abc'],
  ])('is, by %j: %s', (bounds, expected) => {
    expect(gone(bounds)).toBe(expected);
  });

  it('is told with the bound', () => {
    const reasons = (bounds: QuarantineBounds): string[] =>
      beyondBounds(found, bounds, 5 * day).map(({ reason }) => reason);
    expect(reasons({ count: 4 })).toEqual(['more than 4 are there']);
    expect(reasons({ bytes: 149 })).toEqual(['more than 149 bytes are there']);
    expect(reasons({ ageMs: 3 * day })).toEqual(['it is older than 3 days']);
  });
});
