import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DeviceLane } from './device-lane.ts';

describe('DeviceLane', () => {
  it('runs operations one at a time, in the order in which they were asked for, whatever fails', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ turns: fc.nat(3), fails: fc.boolean(), soon: fc.boolean() })),
        async (plan) => {
          const lane = new DeviceLane();
          const begun: number[] = [];
          let running = 0;
          const ends = plan.map(async ({ turns, fails, soon }, i) => {
            if (soon) return lane.soon(() => void begun.push(i));
            return lane.run(async () => {
              expect(++running).toBe(1);
              begun.push(i);
              for (let turn = 0; turn < turns; turn++) await Promise.resolve();
              running--;
              if (fails) throw new RangeError(`${i}`);
              return i;
            });
          });
          const results = await Promise.allSettled(ends);
          expect(begun).toEqual(plan.map((_, i) => i));
          for (const [i, { fails, soon }] of plan.entries()) {
            expect(results[i]?.status).toBe(fails && !soon ? 'rejected' : 'fulfilled');
          }
          expect(lane.isBusy).toBe(false);
        },
      ),
    );
  });

  it('runs a short operation at once where nothing runs', () => {
    const lane = new DeviceLane();
    let count = 0;
    expect(lane.soon(() => void count++)).toBeUndefined();
    expect(count).toBe(1);
  });
});
