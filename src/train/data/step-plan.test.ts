import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { countSteps, planSteps } from './step-plan.ts';

const plannedRows = (...args: Parameters<typeof planSteps>) => [...planSteps(...args)].map(({ batches }) => batches);
const fixed = { batchSize: 2, accumulate: 1, shuffle: false, seed: 0 };

describe('planSteps', () => {
  it('takes one epoch where nothing is said, in the order of the file', () => {
    expect(plannedRows(5, fixed)).toEqual([[[0, 1]], [[2, 3]], [[4]]]);
  });

  it('goes through the data again until it has the steps asked for', () => {
    expect(plannedRows(3, { ...fixed, maxSteps: 3 })).toEqual([[[0, 1]], [[2]], [[0, 1]]]);
  });

  it('ends an epoch with a step of fewer micro-batches', () => {
    expect(plannedRows(5, { ...fixed, accumulate: 2 })).toEqual([
      [
        [0, 1],
        [2, 3],
      ],
      [[4]],
    ]);
  });

  it('follows the limit that comes first', () => {
    expect(countSteps(4, { ...fixed, epochs: 2, maxSteps: 3 })).toBe(3);
    expect(countSteps(4, { ...fixed, epochs: 1, maxSteps: 30 })).toBe(2);
  });

  it('goes on from any place between two steps as if it had never stopped', () => {
    const options = { batchSize: 2, accumulate: 2, shuffle: true, seed: 3, maxSteps: 9 };
    const whole = [...planSteps(7, options)];
    for (const [index, { next }] of whole.entries()) {
      const rest = [...planSteps(7, options, { step: index + 1, position: next })];
      expect(rest).toEqual(whole.slice(index + 1));
    }
  });

  it('shows every row once an epoch, in the same order for the same seed', () => {
    const options = fc.record({
      batchSize: fc.integer({ min: 1, max: 5 }),
      accumulate: fc.integer({ min: 1, max: 4 }),
      seed: fc.nat(),
      epochs: fc.integer({ min: 1, max: 3 }),
    });
    fc.assert(
      fc.property(options, fc.integer({ min: 1, max: 20 }), (chosen, count) => {
        const plan = () => plannedRows(count, { ...chosen, shuffle: true });
        const steps = plan();
        expect(steps).toHaveLength(countSteps(count, { ...chosen, shuffle: true }));
        const seen = steps.flat(2).sort((a, b) => a - b);
        const expected = Array.from({ length: count }).flatMap((_, i) =>
          Array.from({ length: chosen.epochs }, () => i),
        );
        expect(seen).toEqual(expected);
        expect(plan()).toEqual(steps);
      }),
    );
  });
});
