import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Example } from './example.ts';
import { countSteps, planSteps } from './step-plan.ts';

const rows = (count: number): Example[] =>
  Array.from({ length: count }, (_, i) => ({ inputIds: Int32Array.of(i), labels: Int32Array.of(i) }));
const ids = (step: readonly (readonly Example[])[]): number[][] =>
  step.map((micro) => micro.map(({ inputIds }) => inputIds[0] ?? NaN));
const fixed = { batchSize: 2, accumulate: 1, shuffle: false, seed: 0 };

describe('planSteps', () => {
  it('takes one epoch where nothing is said, in the order of the file', () => {
    expect([...planSteps(rows(5), fixed)].map(ids)).toEqual([[[0, 1]], [[2, 3]], [[4]]]);
  });

  it('goes through the data again until it has the steps asked for', () => {
    expect([...planSteps(rows(3), { ...fixed, maxSteps: 3 })].map(ids)).toEqual([[[0, 1]], [[2]], [[0, 1]]]);
  });

  it('ends an epoch with a step of fewer micro-batches', () => {
    expect([...planSteps(rows(5), { ...fixed, accumulate: 2 })].map(ids)).toEqual([
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

  it('shows every row once an epoch, in the same order for the same seed', () => {
    const options = fc.record({
      batchSize: fc.integer({ min: 1, max: 5 }),
      accumulate: fc.integer({ min: 1, max: 4 }),
      seed: fc.nat(),
      epochs: fc.integer({ min: 1, max: 3 }),
    });
    fc.assert(
      fc.property(options, fc.integer({ min: 1, max: 20 }), (chosen, count) => {
        const plan = () => [...planSteps(rows(count), { ...chosen, shuffle: true })].map(ids);
        const steps = plan();
        expect(steps).toHaveLength(countSteps(count, { ...chosen, shuffle: true }));
        const seen = steps.flat(2).sort((a, b) => a - b);
        const expected = rows(count).flatMap((_, i) => Array.from({ length: chosen.epochs }, () => i));
        expect(seen).toEqual(expected);
        expect(plan()).toEqual(steps);
      }),
    );
  });
});
