import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { liveHandles, NativeHandle } from './native-handle.ts';

describe('NativeHandle', () => {
  it('releases at once when nothing holds it, and once only', () => {
    let released = 0;
    const handle = new NativeHandle('memory', () => released++);
    expect(liveHandles()).toEqual({ memory: 1 });
    handle.dispose();
    handle.dispose();
    expect(released).toBe(1);
    expect(liveHandles()).toEqual({});
  });

  it('keeps what is held until it is let go, but lets nobody else begin to use it', () => {
    let released = 0;
    const handle = new NativeHandle('session', () => released++);
    handle.hold();
    handle.dispose();
    expect(released).toBe(0);
    expect(() => handle.hold()).toThrow(expect.objectContaining({ code: 'DISPOSED' }));
    expect(() => new NativeHandle('binding', () => undefined, [handle])).toThrow(/session was used after/);
    handle.letGo();
    expect(released).toBe(1);
    expect(liveHandles()).toEqual({});
  });

  it('releases children before their parents, each once, in whatever order they are disposed', () => {
    const tree = fc.array(fc.nat(), { minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(tree, fc.infiniteStream(fc.nat()), (parentPicks, order) => {
        const released: number[] = [];
        const parents: number[][] = [];
        const handles: NativeHandle[] = [];
        for (const [index, pick] of parentPicks.entries()) {
          const mine = index === 0 ? [] : [...new Set([pick % index, (pick >> 3) % index])];
          parents.push(mine);
          const above = mine.flatMap((parent) => handles[parent] ?? []);
          handles.push(new NativeHandle('tensor', () => released.push(index), above));
        }
        const left = [...handles];
        for (const pick of order) {
          if (left.length === 0) break;
          for (const handle of left.splice(pick % left.length, 1)) handle.dispose();
        }
        expect([...released].sort((a, b) => a - b)).toEqual([...handles.keys()]);
        for (const [child, mine] of parents.entries()) {
          for (const parent of mine) expect(released.indexOf(child)).toBeLessThan(released.indexOf(parent));
        }
        expect(liveHandles()).toEqual({});
      }),
    );
  });
});
