import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { BoundedPattern, freeLength } from './bounded-pattern.ts';
import { replaceAll } from './normalizing.ts';
import { translatePattern } from './pattern.ts';
import { findParts } from './split-text.ts';

describe('a bounded pattern', () => {
  it.each(['a+', '', 'a*', '(?=b)', '^|a', 'a|(?:)'])(
    'finds the same parts of a long text as of a short one: %s',
    (source) => {
      const [directly, guarded] = [Infinity, 0].map((free) => new BoundedPattern(new RegExp(source, 'gv'), free));
      if (directly === undefined || guarded === undefined) throw new Error('no patterns');
      fc.assert(
        fc.property(fc.string({ unit: fc.constantFrom('a', 'b', '😀'), maxLength: 12 }), (text) => {
          expect([...findParts(guarded, text)]).toEqual([...findParts(directly, text)]);
          expect(replaceAll(guarded, '-')(text)).toBe(replaceAll(directly, '-')(text));
        }),
      );
    },
  );

  it('goes on after as many matches as one run finds', () => {
    const text = 'ab'.repeat(10_000);
    expect([...new BoundedPattern(new RegExp('a', 'gv'), 0).matches(text)]).toHaveLength(10_000);
  });

  it('refuses a text that takes too long, and then every other at once', () => {
    const slow = new BoundedPattern(new RegExp('a*a*b', 'gv'), 10, [1, 5]);
    expect(() => [...slow.matches('a'.repeat(20_000))]).toThrow(
      /takes too long on a text of 20000 characters: a\*a\*b/,
    );
    expect(() => [...slow.matches('ab')]).toThrow(/takes too long/);
  });
});

describe('how long a text may be that is searched directly', () => {
  it.each([
    ['[0-9]{1,3}', 100_000_000],
    ['x+', 40_000],
    ['x+y+', 1800],
    ['x+(?:a|b|c)y+', 1100],
    ['x+y+|z+y?', 1800],
    ['x+y+z+', 390],
    ['x{0,100}y+', 1800],
  ])('%s: about %i', (pattern, expected) => {
    const { freeLength: length } = translatePattern(pattern);
    expect(length).toBeGreaterThan(0.9 * expected);
    expect(length).toBeLessThan(5 * expected);
  });

  it('is none where a group is repeated, and short where there are many choices', () => {
    expect(translatePattern('(?:ab)*').freeLength).toBe(0);
    expect(translatePattern('x?'.repeat(40)).freeLength).toBe(0);
    expect(freeLength({ unbounded: 9, choices: 1 })).toBeLessThan(50);
  });
});
