import { describe, expect, it } from 'vitest';
import { limitsFor, probesFor, ranksBehind, silentRanks, stoodStill, watchLimits } from './watch.ts';

describe('silentRanks', () => {
  it('names those that were not heard for longer than the limit', () => {
    const ranks = new Map([
      [1, { heard: 1000 }],
      [2, { heard: 2000 }],
      [5, { heard: 999 }],
    ]);
    expect(silentRanks(ranks, { now: 9000, silenceMs: 8000 })).toEqual([5]);
    expect(silentRanks(ranks, { now: 10_001, silenceMs: 8000 })).toEqual([1, 2, 5]);
    expect(silentRanks(new Map(), { now: 9000, silenceMs: 0 })).toEqual([]);
  });
});

describe('ranksBehind', () => {
  it('names those that have begun fewer operations than this one', () => {
    const at = new Map([
      [0, 4],
      [1, 3],
      [2, 5],
      [3, 0],
    ]);
    expect(ranksBehind(at, 4)).toEqual([1, 3]);
    expect(ranksBehind(at, 0)).toEqual([]);
  });
});

describe('stoodStill', () => {
  it('is said of a process whose beat is late by more than two', () => {
    expect(stoodStill(1000, { now: 4000, beatMs: 1000 })).toBe(false);
    expect(stoodStill(1000, { now: 4001, beatMs: 1000 })).toBe(true);
  });
});

describe('probesFor', () => {
  it('ends a connection that is cut in time for its news and a silence to be said at once', () => {
    for (const silenceMs of [3000, 8000, 20_000]) {
      const { probesAfterSeconds, secondsBetweenProbes, probes } = probesFor({ ...watchLimits, silenceMs });
      const endsMs = 1000 * (probesAfterSeconds + probes * secondsBetweenProbes);
      expect(endsMs + watchLimits.graceMs).toBe(silenceMs);
    }
    // The others say so within 10 s, with a second for the turn of a timer.
    expect(watchLimits.silenceMs).toBeLessThan(9000);
    expect(probesFor({ silenceMs: 120, graceMs: 30 }).probes).toBe(1);
  });
});

describe('limitsFor', () => {
  it('has several beats within the silence, and keeps what it is by default', () => {
    expect(limitsFor(watchLimits.silenceMs)).toEqual(watchLimits);
    expect(limitsFor(1200)).toEqual({ ...watchLimits, silenceMs: 1200, beatMs: 200 });
    expect(limitsFor(60_000).beatMs).toBe(1000);
  });

  it('lets a process stand still for less than the others wait', () => {
    for (const silenceMs of [600, 3000, 8000]) expect(3 * limitsFor(silenceMs).beatMs).toBeLessThan(silenceMs);
  });
});
