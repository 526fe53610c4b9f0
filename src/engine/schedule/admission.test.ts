import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { codeOf } from '../testing/code-of.ts';
import { Item } from '../testing/schedule-fixture.ts';
import { assertRoom, QueuePace } from './admission.ts';

const limits = { maxWaiting: 64, retryAfterSeconds: 3 };

function queueOf(counts: Readonly<Record<string, number>>): Item[] {
  return Object.entries(counts).flatMap(([key, count]) =>
    Array.from({ length: count }, (_, id) => new Item(id, 1, { key })),
  );
}

describe('assertRoom', () => {
  it('refuses what does not fit, and says when to come again', () => {
    const waiting = queueOf({ a: 60 });
    expect(codeOf(() => assertRoom(waiting, { key: undefined, count: 4 }, limits))).toBeUndefined();
    expect(() => assertRoom(waiting, { key: undefined, count: 5 }, limits)).toThrow(
      'The queue is full: 60 requests are waiting, 5 more came, and the limit is 64. Try again in 3 s.',
    );
  });

  it('lets one caller fill half of the queue, and counts the choices of a request singly', () => {
    expect(codeOf(() => assertRoom(queueOf({ a: 16 }), { key: 'a', count: 16 }, limits))).toBeUndefined();
    expect(codeOf(() => assertRoom(queueOf({ a: 16 }), { key: 'a', count: 17 }, limits))).toBe('CALLER_QUEUE_FULL');
    expect(codeOf(() => assertRoom(queueOf({ a: 32 }), { key: 'a', count: 3 }, limits))).toBe('CALLER_QUEUE_FULL');
    expect(codeOf(() => assertRoom(queueOf({ a: 32 }), { key: 'b', count: 16 }, limits))).toBeUndefined();
  });

  it('goes on taking small requests of a caller that has many, up to what is kept for others', () => {
    expect(codeOf(() => assertRoom(queueOf({ a: 32 }), { key: 'a', count: 2 }, limits))).toBeUndefined();
    expect(codeOf(() => assertRoom(queueOf({ a: 48 }), { key: 'a', count: 1 }, limits))).toBeUndefined();
    expect(codeOf(() => assertRoom(queueOf({ a: 49 }), { key: 'a', count: 1 }, limits))).toBe('CALLER_QUEUE_FULL');
    expect(codeOf(() => assertRoom(queueOf({ a: 49 }), { key: 'b', count: 1 }, limits))).toBeUndefined();
  });

  it('takes one more of a caller that has none as long as the queue is not full', () => {
    expect(codeOf(() => assertRoom([], { key: 'a', count: 1 }, { ...limits, maxWaiting: 1 }))).toBeUndefined();
    expect(codeOf(() => assertRoom(queueOf({ a: 1 }), { key: 'b', count: 1 }, { ...limits, maxWaiting: 1 }))).toBe(
      'QUEUE_FULL',
    );
  });

  it('keeps room for whoever comes next, whatever greedy callers ask for', () => {
    const requests = fc.array(
      fc.record({ key: fc.constantFrom('a', 'b', 'c'), count: fc.integer({ min: 1, max: 64 }) }),
    );
    fc.assert(
      fc.property(requests, (all) => {
        const waiting: Item[] = [];
        for (const one of all) {
          if (codeOf(() => assertRoom(waiting, one, limits)) === undefined)
            waiting.push(...queueOf({ [one.key]: one.count }));
        }
        // A large request takes at most half of what it finds, and small ones leave a sixteenth of the queue and more.
        expect(64 - waiting.length).toBeGreaterThanOrEqual(1);
        expect(codeOf(() => assertRoom(waiting, { key: 'next', count: 1 }, limits))).toBeUndefined();
      }),
    );
  });
});

describe('QueuePace', () => {
  it('tells how long the queue takes at the pace of late', () => {
    let time = 0;
    const pace = new QueuePace({ now: () => time });
    expect(pace.retryAfterSeconds(100)).toBe(1);
    for (let i = 0; i < 100; i++) {
      pace.started();
      time += 200;
    }
    expect(pace.retryAfterSeconds(50)).toBe(10);
    expect(pace.retryAfterSeconds(5000)).toBe(60);
  });
});
