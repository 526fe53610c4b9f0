import { describe, expect, it } from 'vitest';
import { untilNextLook } from './next-look.ts';

describe('the next look', () => {
  it.each([
    // intervalMs, tookMs, isUnreachable, expected
    [5000, 0, false, 5000],
    [5000, 1200, false, 3800],
    [5000, 20_000, false, 100],
    [5000, 5, true, 1995],
    [5000, 20_000, true, 100],
    [1000, 5, true, 995],
    [300_000, 0, true, 120_000],
    [5000, -3_600_000, false, 5000],
    [50, 1000, false, 50],
  ])('every %i ms, after one of %i ms, unreachable: %s, is in %i ms', (intervalMs, tookMs, isUnreachable, expected) => {
    expect(untilNextLook({ intervalMs, tookMs, isUnreachable })).toBe(expected);
  });
});
