import * as fc from 'fast-check';
import { expect, it } from 'vitest';

import { TokenCounts } from './token-counts.ts';

it('counts as a map does, in the order in which tokens were met, up to its capacity', () => {
  const met = fc.array(fc.tuple(fc.oneof(fc.integer({ min: 0, max: 9 }), fc.nat()), fc.integer({ min: 0, max: 2 })), {
    maxLength: 60,
  });
  fc.assert(
    fc.property(met, (additions) => {
      const expected = new Map<number, number>();
      for (const [token, times] of additions) expected.set(token, (expected.get(token) ?? 0) + times);
      const counts = new TokenCounts(expected.size);
      for (const [token, times] of additions) counts.add(token, times);
      const actual = Array.from({ length: counts.size }, (_, place) => [counts.tokenAt(place), counts.countAt(place)]);
      expect(actual).toEqual([...expected]);
    }),
  );
});
