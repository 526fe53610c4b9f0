import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { BoundedPattern } from './bounded-pattern.ts';
import { literalPattern, translatePattern } from './pattern.ts';

/** The first match of a pattern of Oniguruma. */
const first = (pattern: string, text: string): string | undefined =>
  text.match(translatePattern(pattern).expression)?.[0];

describe('translatePattern', () => {
  // What Oniguruma 6.9 matches, asked through the Rust library.
  it.each([
    [String.raw`\w+`, '-straße_été²½\u200d', 'straße_été²½'],
    [String.raw`[\w]+`, 'a²', 'a'],
    [String.raw`\s+`, 'a\u0085\u2003b\ufeff', '\u0085\u2003'],
    [String.raw`\d+`, 'x١٢3½', '١٢3'],
    [String.raw`\h+`, 'xyfF9g', 'fF9'],
    [String.raw`a.c`, 'a\nc a\u2028c', 'a\u2028c'],
    [String.raw`^b$`, 'a\nb\nc', 'b'],
    [String.raw`\bß\b`, 'aß ß', 'ß'],
    [String.raw`[a-c&&[^b]]+`, 'abca', 'a'],
    [String.raw`[[:alpha:]_]+`, '1é_2', 'é_'],
    [String.raw`[^[:^digit:]]+`, 'a12', '12'],
    [String.raw`(?i:'S|ll)`, "'ſ LL", "'ſ"],
    [String.raw`(?i)k(?-i)K`, '\u212aK', '\u212aK'],
    [String.raw`\p{Han}+`, 'a漢字か', '漢字'],
    [String.raw`\p{^Lu}+`, 'ABcD', 'c'],
    [String.raw`x{,2}y`, 'xxxy', 'xxy'],
    [String.raw`a{1,2}+b`, 'aaaaab', 'aaaaab'],
    [String.raw`[\x{41}-\u0043\-]+`, 'xA-C', 'A-C'],
    [String.raw`(?<name>a)(?#what)(b)`, 'ab', 'ab'],
  ])('%s finds in %j what Oniguruma finds', (pattern, text, expected) => {
    expect(first(pattern, text)).toBe(expected);
  });

  it.each([String.raw`a++a`, String.raw`(?>a*)a`, String.raw`(?:a|ab)?+ac`])('gives nothing back: %s', (pattern) => {
    expect(first(pattern, 'aaac')).toBe(pattern.endsWith('c') ? 'aac' : undefined);
  });

  it.each([
    [String.raw`(a)\1`, /\\1 is not supported/],
    [String.raw`\Ga`, /\\G is not supported/],
    ['a)', /\) without/],
    ['(a', /\( without/],
    ['[a', /ends too early/],
    ['*a', /repeats nothing/],
    [String.raw`\p{Klingon}`, /"Klingon" is not known/],
    ['(?y:a)', /not supported/],
    ['('.repeat(60), /nested more than/],
  ])('refuses %s', (pattern, problem) => {
    expect(() => translatePattern(pattern)).toThrow(problem);
  });
});

describe('a pattern with a repeated group', () => {
  it.each([String.raw`(?:\p{L}+\s?)+$`, 'z(?:zz*)*!'])('whose time has no bounds is refused: %s', (pattern) => {
    expect(() => translatePattern(pattern)).toThrow(/takes too long on a text of 32 characters/);
  });

  it.each([String.raw`(?:\p{L}\p{M}*)+`, '(?:[0-9][0-9][0-9])+', '(?:a|b)*c', 'a{1,2}+b'])('is read: %s', (pattern) => {
    expect(translatePattern(pattern)).toBeInstanceOf(BoundedPattern);
  });
});

it('a literal pattern finds exactly its text', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 5 }), fc.string(), (text, before) => {
      expect((before + text).replaceAll(literalPattern(text), '')).toBe((before + text).replaceAll(text, ''));
    }),
  );
});
