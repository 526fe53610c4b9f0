/**
 * Part of `npm run fuzz`: random histories of a breaker, by the seed in FUZZ_SEED (default: that of the day), as many as
 * BREAKER_HISTORIES says.
 */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { differenceIn, histories } from '../../src/routing/testing/breaker-histories.ts';
import { flaws } from '../../src/routing/testing/breaker-oracle.ts';

const numRuns = Number(process.env['BREAKER_HISTORIES'] ?? 10_000);
const seed = Number(process.env['FUZZ_SEED'] ?? Math.floor(Date.now() / 86_400_000));

describe(`a breaker beside an oracle that keeps every event, with seed ${seed}`, () => {
  it(`is in the same state after each event of ${numRuns} histories`, () => {
    const started = performance.now();
    let events = 0;
    fc.assert(
      fc.property(histories, (history) => {
        events += history.events.length;
        expect(differenceIn(history)).toBeUndefined();
      }),
      { numRuns, seed },
    );
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    process.stdout.write(`${numRuns} histories, ${events} events in ${seconds} s, 0 differences\n`);
  });

  it.each(flaws)('differs in some history if: %s', (flaw) => {
    let tried = 0;
    const details = fc.check(
      fc.property(histories, (history) => {
        tried++;
        return differenceIn(history, flaw) === undefined;
      }),
      { numRuns, seed, endOnFailure: true },
    );
    process.stdout.write(`${flaw}: seen in history ${tried}\n`);
    expect(details.failed).toBe(true);
  });
});
