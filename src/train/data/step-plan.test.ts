import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { countSteps, planSteps, type PlannedRows } from './step-plan.ts';

async function collect<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const all: Item[] = [];
  for await (const item of items) all.push(item);
  return all;
}

type Planning = Parameters<typeof planSteps>;
const planned = (...args: Planning): Promise<PlannedRows[]> => collect(planSteps(...args));
const plannedRows = async (...args: Planning): Promise<PlannedRows['batches'][]> =>
  (await planned(...args)).map(({ batches }) => batches);
const fixed = { batchSize: 2, accumulate: 1, shuffle: false, seed: 0 };

describe('planSteps', () => {
  it('takes one epoch where nothing is said, in the order of the file', async () => {
    expect(await plannedRows(5, fixed)).toEqual([[[0, 1]], [[2, 3]], [[4]]]);
  });

  it('goes through the data again until it has the steps asked for', async () => {
    expect(await plannedRows(3, { ...fixed, maxSteps: 3 })).toEqual([[[0, 1]], [[2]], [[0, 1]]]);
  });

  it('ends an epoch with a step of fewer micro-batches', async () => {
    expect(await plannedRows(5, { ...fixed, accumulate: 2 })).toEqual([
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

  it('goes on from any place between two steps as if it had never stopped', async () => {
    const options = { batchSize: 2, accumulate: 2, shuffle: true, seed: 3, maxSteps: 9 };
    const whole = await planned(7, options);
    for (const [index, { next }] of whole.entries()) {
      const rest = await planned(7, options, { step: index + 1, position: next });
      expect(rest).toEqual(whole.slice(index + 1));
    }
  });

  it('shows every row once an epoch, in the same order for the same seed', async () => {
    const options = fc.record({
      batchSize: fc.integer({ min: 1, max: 5 }),
      accumulate: fc.integer({ min: 1, max: 4 }),
      seed: fc.nat(),
      epochs: fc.integer({ min: 1, max: 3 }),
    });
    await fc.assert(
      fc.asyncProperty(options, fc.integer({ min: 1, max: 20 }), async (chosen, count) => {
        const plan = () => plannedRows(count, { ...chosen, shuffle: true });
        const steps = await plan();
        expect(steps).toHaveLength(countSteps(count, { ...chosen, shuffle: true }));
        const seen = steps.flat(2).sort((a, b) => a - b);
        const expected = Array.from({ length: count }).flatMap((_, i) =>
          Array.from({ length: chosen.epochs }, () => i),
        );
        expect(seen).toEqual(expected);
        expect(await plan()).toEqual(steps);
      }),
    );
  });
});
