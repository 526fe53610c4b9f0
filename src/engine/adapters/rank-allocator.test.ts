import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { RankAllocator, type RankRows } from './rank-allocator.ts';

describe('RankAllocator', () => {
  it('never gives out row 0', () => {
    expect(new RankAllocator(8).reserve(4)).toEqual({ start: 1, end: 5 });
  });

  it('fills the first gap that is wide enough', () => {
    const allocator = new RankAllocator(20);
    const [first, second, third] = [allocator.reserve(4), allocator.reserve(2), allocator.reserve(4)];
    if (!first || !second || !third) throw new Error('no room');
    allocator.release(first);
    expect(allocator.reserve(5)).toEqual({ start: 11, end: 16 });
    expect(allocator.reserve(3)).toEqual({ start: 1, end: 4 });
  });

  it('says how long a run it could still give', () => {
    const allocator = new RankAllocator(10);
    const first = allocator.reserve(4);
    allocator.reserve(3);
    if (!first) throw new Error('no room');
    allocator.release(first);
    expect(allocator.longestFree).toBe(4);
    expect(allocator.reserve(5)).toBeUndefined();
  });

  it('refuses to free what is not taken', () => {
    expect(() => new RankAllocator(4).release({ start: 1, end: 2 })).toThrow(RangeError);
  });

  it('keeps runs disjoint and inside [1, total) through any order of use', () => {
    const steps = fc.array(fc.record({ take: fc.boolean(), size: fc.integer({ min: 1, max: 9 }), pick: fc.nat() }));
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40 }), steps, (total, sequence) => {
        const allocator = new RankAllocator(total);
        const held: RankRows[] = [];
        for (const { take, size, pick } of sequence) {
          if (!take) held.splice(pick % Math.max(1, held.length), 1).forEach((rows) => allocator.release(rows));
          const longest = allocator.longestFree;
          const rows = take ? allocator.reserve(size) : undefined;
          expect(rows !== undefined).toBe(take && size <= longest);
          if (rows) held.push(rows);
          const owners = Array.from({ length: total }, (_, row) =>
            held.filter((run) => run.start <= row && row < run.end),
          );
          expect(owners.every(({ length }, row) => length <= (row === 0 ? 0 : 1))).toBe(true);
          expect(allocator.used).toBe(owners.filter(({ length }) => length > 0).length);
        }
      }),
    );
  });
});
