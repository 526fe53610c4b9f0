/**
 * Part of `npm run fuzz`: random histories of the engine's schedule, by the seed in FUZZ_SEED (default: that of the day), as many as
 * SCHEDULE_HISTORIES says.
 */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { flaws, histories, problemsIn } from '../../src/engine/testing/schedule-world.ts';

const numRuns = Number(process.env['SCHEDULE_HISTORIES'] ?? 100_000);
const seed = Number(process.env['FUZZ_SEED'] ?? Math.floor(Date.now() / 86_400_000));

describe(`the schedule of an engine, with seed ${seed}`, () => {
  it(`loses nothing, owns no slot twice and starves nobody in ${numRuns} histories`, () => {
    const started = performance.now();
    let commands = 0;
    fc.assert(
      fc.property(histories, (history) => {
        commands += history.commands.length;
        expect(problemsIn(history)).toEqual([]);
      }),
      { numRuns, seed },
    );
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    process.stdout.write(`${numRuns} histories, ${commands} commands in ${seconds} s, 0 problems\n`);
  });

  it.each(Object.entries(flaws))('is seen to be broken where %s', (flaw, functions) => {
    let tried = 0;
    const { failed } = fc.check(
      fc.property(histories, (history) => {
        tried++;
        return problemsIn(history, functions).length === 0;
      }),
      { numRuns, seed, endOnFailure: true },
    );
    process.stdout.write(`${flaw}: seen in history ${tried}\n`);
    expect(failed).toBe(true);
  });
});
