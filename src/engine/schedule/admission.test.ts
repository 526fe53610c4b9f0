import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { codeOf } from '../testing/code-of.ts';
import { ScheduleFixture } from '../testing/schedule-fixture.ts';
import { Admission, assertRoom, QueuePace, type Applicant } from './admission.ts';

const limits = { maxWaiting: 64, retryAfterSeconds: 3 };

/** Applies to a queue in which callers have so many places. */
function apply(counts: Readonly<Record<string, number>>, applicant: Applicant, given = limits): void {
  const all = Object.values(counts).reduce((sum, count) => sum + count, 0);
  assertRoom({ all, own: counts[applicant.key ?? ''] ?? 0 }, applicant, given);
}

describe('assertRoom', () => {
  it('refuses what does not fit, and says when to come again', () => {
    const waiting = { a: 60 };
    expect(codeOf(() => apply(waiting, { key: undefined, count: 4 }))).toBeUndefined();
    expect(() => apply(waiting, { key: undefined, count: 5 })).toThrow(
      'The queue is full: 60 requests are waiting, 5 more came, and the limit is 64. Try again in 3 s.',
    );
  });

  it('tells a request that can never fit so, and not to come again', () => {
    expect(codeOf(() => apply({ a: 60 }, { key: undefined, count: 64 }))).toBe('QUEUE_FULL');
    expect(codeOf(() => apply({}, { key: undefined, count: 65 }))).toBe('CHOICES_BEYOND_QUEUE');
    expect(codeOf(() => apply({}, { key: 'a', count: 32 }))).toBeUndefined();
    expect(() => apply({}, { key: 'a', count: 33 })).toThrow('the queue takes 32 of one request');
  });

  it('takes of an empty queue whatever it does not refuse for good', () => {
    const requests = fc.record({
      key: fc.constantFrom(undefined, 'a'),
      count: fc.integer({ min: 1, max: 70 }),
      maxWaiting: fc.integer({ min: 1, max: 64 }),
    });
    fc.assert(
      fc.property(requests, ({ maxWaiting, ...applicant }) => {
        const code = codeOf(() => apply({}, applicant, { ...limits, maxWaiting }));
        expect([undefined, 'CHOICES_BEYOND_QUEUE']).toContain(code);
      }),
    );
  });

  it('lets one caller fill half of the queue, and counts the choices of a request singly', () => {
    expect(codeOf(() => apply({ a: 16 }, { key: 'a', count: 16 }))).toBeUndefined();
    expect(codeOf(() => apply({ a: 16 }, { key: 'a', count: 17 }))).toBe('CALLER_QUEUE_FULL');
    expect(codeOf(() => apply({ a: 32 }, { key: 'a', count: 3 }))).toBe('CALLER_QUEUE_FULL');
    expect(codeOf(() => apply({ a: 32 }, { key: 'b', count: 16 }))).toBeUndefined();
  });

  it('goes on taking small requests of a caller that has many, up to what is kept for others', () => {
    expect(codeOf(() => apply({ a: 32 }, { key: 'a', count: 2 }))).toBeUndefined();
    expect(codeOf(() => apply({ a: 48 }, { key: 'a', count: 1 }))).toBeUndefined();
    expect(codeOf(() => apply({ a: 49 }, { key: 'a', count: 1 }))).toBe('CALLER_QUEUE_FULL');
    expect(codeOf(() => apply({ a: 49 }, { key: 'b', count: 1 }))).toBeUndefined();
  });

  it('takes one more of a caller that has none as long as the queue is not full', () => {
    expect(codeOf(() => apply({}, { key: 'a', count: 1 }, { ...limits, maxWaiting: 1 }))).toBeUndefined();
    expect(codeOf(() => apply({ a: 1 }, { key: 'b', count: 1 }, { ...limits, maxWaiting: 1 }))).toBe('QUEUE_FULL');
  });

  it('keeps room for whoever comes next, whatever greedy callers ask for', () => {
    const requests = fc.array(
      fc.record({ key: fc.constantFrom('a', 'b', 'c'), count: fc.integer({ min: 1, max: 64 }) }),
    );
    fc.assert(
      fc.property(requests, (all) => {
        const waiting: Record<string, number> = {};
        for (const one of all) {
          if (codeOf(() => apply(waiting, one)) === undefined) waiting[one.key] = (waiting[one.key] ?? 0) + one.count;
        }
        // A large request takes at most half of what it finds, and small ones leave a sixteenth of the queue and more.
        expect(64 - Object.values(waiting).reduce((sum, count) => sum + count, 0)).toBeGreaterThanOrEqual(1);
        expect(codeOf(() => apply(waiting, { key: 'next', count: 1 }))).toBeUndefined();
      }),
    );
  });
});

describe('Admission', () => {
  const admissionOf = (fixture: ScheduleFixture, maxWaiting = 8): Admission => {
    const pace = new QueuePace({ now: () => 0 });
    return new Admission({ state: fixture.state, maxWaiting, pace });
  };
  const refusal = (admission: Admission, applicant: Applicant): string | undefined =>
    codeOf(() => admission.assertRoom(applicant));

  it('counts sequences that wait, and not those that run', () => {
    const fixture = new ScheduleFixture({ slots: 2 });
    const admission = admissionOf(fixture);
    for (let id = 0; id < 6; id++) fixture.add(id, 1, { key: 'a' });
    expect(refusal(admission, { key: 'a', count: 1 })).toBe('CALLER_QUEUE_FULL');
    fixture.acts(2);
    expect(fixture.running).toHaveLength(2);
    expect(refusal(admission, { key: 'a', count: 2 })).toBe('CALLER_QUEUE_FULL');
    expect(refusal(admission, { key: 'b', count: 2 })).toBeUndefined();
    expect(refusal(admission, { key: undefined, count: 5 })).toBe('QUEUE_FULL');
  });

  it('keeps reserved places until they are used or given back', () => {
    const admission = admissionOf(new ScheduleFixture());
    const [one, other] = [
      { key: 'a', count: 4 },
      { key: undefined, count: 5 },
    ];
    const places = admission.reserve(one);
    expect(refusal(admission, other)).toBe('QUEUE_FULL');
    expect([places.use(), refusal(admission, { key: 'b', count: 2 })]).toEqual([true, undefined]);
    places[Symbol.dispose]();
    expect([places.use(), refusal(admission, { key: undefined, count: 8 })]).toEqual([false, undefined]);
  });

  it('judges a request that has places by all that it wants, and leaves it its places where it is refused', () => {
    const admission = admissionOf(new ScheduleFixture());
    const places = admission.reserve({ key: 'a', count: 1 });
    const others = admission.reserve({ key: 'a', count: 1 });
    expect(codeOf(() => places.resize(4))).toBe('CALLER_QUEUE_FULL');
    others[Symbol.dispose]();
    expect(codeOf(() => places.resize(5))).toBe('CHOICES_BEYOND_QUEUE');
    expect(refusal(admission, { key: undefined, count: 8 })).toBe('QUEUE_FULL');
    places.resize(4);
    expect(refusal(admission, { key: undefined, count: 4 })).toBeUndefined();
    expect(refusal(admission, { key: undefined, count: 5 })).toBe('QUEUE_FULL');
  });

  it('takes all or none of several requests that are read at the same time', () => {
    const admission = admissionOf(new ScheduleFixture());
    const codes = Array.from({ length: 20 }, (_, i) => codeOf(() => admission.reserve({ key: `${i}`, count: 1 })));
    expect(codes.filter((code) => code === undefined)).toHaveLength(8);
    expect(new Set(codes.slice(8))).toEqual(new Set(['QUEUE_FULL']));
  });
});

describe('QueuePace', () => {
  it('tells how long the queue takes at the pace of late', () => {
    let time = 0;
    const pace = new QueuePace({ now: () => time });
    expect(pace.retryAfterSeconds(100)).toBe(1);
    for (let i = 0; i < 100; i++) {
      pace.started(50);
      time += 200;
    }
    expect(pace.retryAfterSeconds(50)).toBe(10);
    expect(pace.retryAfterSeconds(5000)).toBe(60);
  });

  it('does not count the time in which nobody waited', () => {
    let time = 0;
    const pace = new QueuePace({ now: () => time });
    for (let burst = 0; burst < 20; burst++) {
      for (const left of [2, 1, 0]) {
        pace.started(left);
        time += 100;
      }
      time += 3_600_000;
    }
    expect(pace.retryAfterSeconds(50)).toBe(5);
  });
});
