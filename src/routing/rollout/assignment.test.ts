import { describe, expect, it } from 'vitest';
import { placeOf } from './assignment.ts';

const keys = Array.from({ length: 5000 }, (_, i) => `user ${i}`);
const below = (share: number, rollout = 'r'): readonly string[] =>
  keys.filter((key) => placeOf(rollout, 'answer', key) < share);

describe('the place of a key', () => {
  it('spreads keys evenly', () => {
    for (const share of [0.02, 0.1, 0.5]) {
      const deviation = Math.sqrt(keys.length * share * (1 - share));
      expect(Math.abs(below(share).length - keys.length * share)).toBeLessThan(4 * deviation);
    }
  });

  it('leaves every key of a smaller share in a larger one', () => {
    const larger = new Set(below(0.5));
    expect(below(0.1).every((key) => larger.has(key))).toBe(true);
  });

  it('takes other keys for another roll-out, and for mirroring', () => {
    const [a, b] = [new Set(below(0.5)), below(0.5, 's')];
    expect(b.filter((key) => a.has(key)).length / keys.length).toBeCloseTo(0.25, 1);
    expect(placeOf('r', 'answer', 1)).not.toBe(placeOf('r', 'mirror', 1));
    expect(placeOf('r', 'answer', 1)).not.toBe(placeOf('r', 'answer', '1'));
  });

  it('never changes, since a roll-out goes on after an update', () => {
    expect(placeOf('r', 'answer', 'user 1')).toBe(0.7016000147922092);
  });
});
