import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { differenceIn, histories } from '../testing/breaker-histories.ts';
import { flaws } from '../testing/breaker-oracle.ts';

const seed = 1;

describe('a breaker beside an oracle that keeps every event', () => {
  it('is in the same state after each event of random histories', () => {
    fc.assert(
      fc.property(histories, (history) => {
        expect(differenceIn(history)).toBeUndefined();
      }),
      { numRuns: 300, seed },
    );
  });

  it.each(flaws)('differs in some history if: %s', (flaw) => {
    const details = fc.check(
      fc.property(histories, (history) => differenceIn(history, flaw) === undefined),
      { numRuns: 2000, seed, endOnFailure: true },
    );
    expect(details.failed).toBe(true);
  });
});
