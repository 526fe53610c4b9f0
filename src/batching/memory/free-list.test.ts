import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FreeList } from './free-list.ts';

const step = fc.oneof(
  fc.record({ kind: fc.constant('take' as const), bytes: fc.nat(700) }),
  fc.record({ kind: fc.constant('give' as const), pick: fc.nat() }),
);

interface Slice {
  readonly start: number;
  readonly end: number;
}

/** WHY one byte at least: a slice of nothing has a place of its own too. */
function sliceOf(start: number | undefined, bytes: number): Slice[] {
  return start === undefined ? [] : [{ start, end: start + Math.max(1, bytes) }];
}

describe('FreeList', () => {
  it('never gives a byte twice, aligns every slice, and is whole again when all came back', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const list = new FreeList(2048);
        const taken: Slice[] = [];
        const wrong: Slice[] = [];
        for (const action of steps) {
          if (action.kind === 'take') {
            const slice = sliceOf(list.take(action.bytes), action.bytes);
            const isSound = slice.every(({ start, end }) => {
              return start % 64 === 0 && end <= 2048 && !taken.some((other) => start < other.end && other.start < end);
            });
            if (!isSound) wrong.push(...slice);
            taken.push(...slice);
          } else {
            for (const { start } of taken.splice(action.pick % Math.max(1, taken.length), 1)) list.give(start);
          }
        }
        expect(wrong).toEqual([]);
        for (const { start } of taken) list.give(start);
        expect([list.isEmpty, list.used, list.take(2048)]).toEqual([true, 0, 0]);
      }),
    );
  });

  it('has no room for what is longer than its longest free range', () => {
    const list = new FreeList(256);
    const offsets = [list.take(64), list.take(64), list.take(64), list.take(64)];
    expect(offsets).toEqual([0, 64, 128, 192]);
    list.give(0);
    list.give(128);
    expect(list.take(128)).toBeUndefined();
    list.give(64);
    expect(list.take(192)).toBe(0);
  });

  it('refuses what it did not give', () => {
    expect(() => new FreeList(128).give(64)).toThrow(RangeError);
  });
});
