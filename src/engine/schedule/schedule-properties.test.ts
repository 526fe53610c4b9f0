import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { ScheduleFixture, type Item } from '../testing/schedule-fixture.ts';
import { flaws, histories, problemsIn } from '../testing/schedule-world.ts';
import { finish } from './slots.ts';

describe('the schedule, through any order of arrivals, steps, failures, preemptions and ends', () => {
  it('loses no sequence, owns no slot twice, keeps running sequences a prefix of the slots, and starves nobody', () => {
    fc.assert(
      fc.property(histories, (history) => {
        expect(problemsIn(history)).toEqual([]);
      }),
      { numRuns: 300 },
    );
  });

  it.each(Object.entries(flaws))('would be seen to be broken where %s', (_, functions) => {
    const { failed } = fc.check(
      fc.property(histories, (history) => problemsIn(history, functions).length === 0),
      { numRuns: 2000, endOnFailure: true },
    );
    expect(failed).toBe(true);
  });

  it('brings every sequence to run, short and long', () => {
    const lengths = fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(lengths, fc.integer({ min: 1, max: 3 }), (promptLengths, slots) => {
        const fixture = new ScheduleFixture({ slots });
        promptLengths.forEach((promptLength, id) => fixture.add(id, promptLength));
        const order = new Set<number>();
        for (let turn = 0; turn < 1000 && order.size < promptLengths.length; turn++) {
          const { plan } = fixture.act();
          if (plan.kind === 'prefill' && plan.last) order.add(plan.sequence.id);
          const [first] = fixture.state.running;
          if (plan.kind === 'decode' && first) finish(fixture.state, first, 'finished');
        }
        expect(order.size).toBe(promptLengths.length);
      }),
    );
  });

  /** Callers that always have more waiting, with prompts of the same length; each turn a run, and now and then an end. */
  it('passes a caller that had none by at most one sequence of each other caller', () => {
    const options = { before: fc.integer({ min: 0, max: 40 }), others: fc.integer({ min: 1, max: 5 }) };
    fc.assert(
      fc.property(fc.record(options), ({ before, others }) => {
        const fixture = new ScheduleFixture({ slots: 4, prefillRuns: 1 });
        let next = 0;
        const refill = (): void => {
          for (let key = 0; key < others; key++) {
            for (let count = 0; count < 3; count++) fixture.add(next++, 4, { key: `busy ${key}` });
          }
        };
        const turn = (): Item | undefined => {
          if (fixture.state.waiting.length < 3 * others) refill();
          const { plan } = fixture.act();
          const [first] = fixture.state.running;
          if (plan.kind === 'decode' && first && fixture.state.running.length === 4)
            finish(fixture.state, first, 'finished');
          return plan.kind === 'prefill' ? plan.sequence : undefined;
        };
        for (let i = 0; i < before; i++) turn();
        refill();
        const late = fixture.add(next++, 4, { key: 'late' });
        const passed = new Map<string, number>();
        for (let begun = turn(); begun !== late; begun = turn()) {
          if (begun) passed.set(String(begun.path[0]), (passed.get(String(begun.path[0])) ?? 0) + 1);
          expect(Math.max(0, ...passed.values())).toBeLessThanOrEqual(1);
        }
      }),
      { numRuns: 100 },
    );
  });
});
