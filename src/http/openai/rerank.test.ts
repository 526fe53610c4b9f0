import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { ranked } from './rerank.ts';

describe('ranked', () => {
  it('names the best documents once each, best first, and of equal ones the first', () => {
    const scores = fc.array(fc.constantFrom(0, 0.25, 0.5, 0.75, 1), { maxLength: 20 });
    fc.assert(
      fc.property(scores, fc.integer({ min: 1, max: 25 }), (values, most) => {
        const result = ranked(values, most);
        expect(result).toHaveLength(Math.min(most, values.length));
        expect(new Set(result.map(({ index }) => index)).size).toBe(result.length);
        const left = values.filter((_, index) => !result.some((each) => each.index === index));
        for (const [place, { index, score }] of result.entries()) {
          expect(score).toBe(values[index]);
          const next = result[place + 1];
          if (next === undefined) continue;
          expect(score > next.score || (score === next.score && index < next.index)).toBe(true);
        }
        expect(Math.max(-1, ...left)).toBeLessThanOrEqual(result.at(-1)?.score ?? 1);
      }),
    );
  });
});
