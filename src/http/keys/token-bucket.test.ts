import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TokenBucket } from './token-bucket.ts';

const steps = fc.array(
  fc.record({ waitMs: fc.integer({ min: 0, max: 40_000 }), amount: fc.integer({ min: 1, max: 50 }) }),
);

/** What was taken within any minute at most, if each amount is taken as soon as it is there. */
function mostInAMinute(
  perMinute: number,
  schedule: readonly { readonly waitMs: number; readonly amount: number }[],
): number {
  let now = 0;
  const bucket = new TokenBucket(perMinute, { now: () => now });
  const taken: { readonly at: number; readonly amount: number }[] = [];
  for (const { waitMs, amount } of schedule) {
    now += waitMs;
    if (bucket.msUntil(amount) > 0) continue;
    bucket.take(amount);
    taken.push({ at: now, amount });
  }
  return taken.reduce((most, { at }) => {
    const within = taken.filter((one) => one.at >= at && one.at < at + 60_000);
    return Math.max(
      most,
      within.reduce((sum, { amount }) => sum + amount, 0),
    );
  }, 0);
}

describe('TokenBucket', () => {
  it('gives in any minute at most what it holds and what flows in', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 100 }), steps, (perMinute, schedule) => {
        expect(mostInAMinute(perMinute, schedule)).toBeLessThanOrEqual(2 * perMinute);
      }),
    );
  });

  it('says how long to wait, exactly', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 100 }), fc.integer({ min: 1, max: 300 }), (perMinute, overdrawn) => {
        let now = 0;
        const bucket = new TokenBucket(perMinute, { now: () => now });
        bucket.take(overdrawn);
        const ms = bucket.msUntil(1);
        now = ms - 1;
        expect(ms === 0 || bucket.msUntil(1) > 0).toBe(true);
        now = ms + 1e-6;
        expect(bucket.msUntil(1)).toBe(0);
      }),
    );
  });

  it('holds no more than a minute gives, however long nothing is taken', () => {
    let now = 0;
    const bucket = new TokenBucket(10, { now: () => now });
    now = 1e9;
    expect(bucket.level).toBe(10);
  });
});
