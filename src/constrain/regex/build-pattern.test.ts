import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { finishNow } from '../../core/index.ts';
import { Automaton } from '../automaton/automaton.ts';
import { Expressions } from '../automaton/expressions.ts';
import { oneOf } from '../characters/character-set.ts';
import { buildPattern } from './build-pattern.ts';

const encoder = new TextEncoder();

function automatonOf(pattern: string): Automaton {
  const expressions = new Expressions();
  const write = {
    expressions,
    oneOf: (set: Parameters<typeof oneOf>[0]) => oneOf(set, expressions),
    place: 'the pattern',
  };
  const root = finishNow(buildPattern(pattern, write));
  finishNow(expressions.settleHeights());
  return new Automaton(root, expressions);
}

function accepts(automaton: Automaton, text: string): boolean {
  return automaton.walk(automaton.start, encoder.encode(text))?.canEnd === true;
}

/** Few letters, so that patterns and texts meet. */
const letter = fc.constantFrom('a', 'b', 'é', '😀', ' ', '\n', '-');
const atom = fc.oneof(
  letter,
  fc.constantFrom('.', '\\w', '\\s', '\\D', '[ab]', '[^a]', '[a-z\\n]', '[^\\w]', '\\u00e9', '\\u{1f600}', '\\x61'),
);
const pattern = fc.letrec<{ node: string }>((tie) => ({
  node: fc.oneof(
    { maxDepth: 4, depthSize: 'small' },
    atom,
    fc.tuple(tie('node'), tie('node')).map(([one, other]) => one + other),
    fc.tuple(tie('node'), tie('node')).map(([one, other]) => `(?:${one}|${other})`),
    fc
      .tuple(tie('node'), fc.constantFrom('*', '+', '?', '{2}', '{1,3}', '{2,}', '*?'))
      .map(([one, times]) => `(${one})${times}`),
  ),
})).node;

describe('a regular expression', () => {
  it('matches what that of JavaScript matches', () => {
    let matched = 0;
    fc.assert(
      fc.property(
        pattern,
        fc.array(fc.array(letter, { maxLength: 6 }), { minLength: 5, maxLength: 5 }),
        (source, texts) => {
          const automaton = automatonOf(source);
          const judge = new RegExp(`^(?:${source})$`, 'u');
          for (const letters of texts) {
            const text = letters.join('');
            if (judge.test(text)) matched++;
            expect([source, text, accepts(automaton, text)]).toEqual([source, text, judge.test(text)]);
          }
        },
      ),
      { numRuns: 150 },
    );
    expect(matched).toBeGreaterThan(20);
  });

  it.each([
    ['\\p{Lu}\\P{L}+', 'Ä12', 'ä12'],
    ['^(?:a|b)$', 'a', 'ab'],
    ['(?<year>\\d{4})-(?P<month>\\d\\d)', '2026-11', '2026-1'],
    ['[\\]a]{2}', ']a', '[a'],
    ['{a}', '{a}', 'a'],
    ['(a*)*b', 'aab', 'aa'],
    ['(?:a?){3,5}', '', 'aaaaaa'],
  ])('%s matches %j and not %j', (source, yes, no) => {
    const automaton = automatonOf(source);
    expect([accepts(automaton, yes), accepts(automaton, no)]).toEqual([true, false]);
  });

  it.each([
    ['(?=a)b', 'look-around'],
    ['(?<!a)b', 'look-around'],
    ['(a)\\1', 'a back reference'],
    ['\\bword', 'a word boundary'],
    ['(?i)a', 'options inside a pattern'],
    ['a^b', 'a ^ or $ in the middle'],
    ['a*+', 'a possessive quantifier'],
    ['[[:alpha:]]', 'a class of POSIX'],
    ['\\A', '\\A'],
  ])('%s is refused by name: %s', (source, problem) => {
    expect(() => automatonOf(source)).toThrow(
      expect.objectContaining({
        code: 'CONSTRAINT_UNSUPPORTED',
        details: expect.objectContaining({ problem: expect.stringContaining(problem) as string }) as object,
      }),
    );
  });

  it.each(['(a', 'a)', '[a', '*a', 'a{2,1}', '\\u{110000}', '\\p{Nothing}', '[b-a]', '\\'])(
    '%s is no expression',
    (source) => {
      expect(() => automatonOf(source)).toThrow(expect.objectContaining({ code: 'CONSTRAINT_INVALID' }));
    },
  );

  it.each(['('.repeat(100) + 'a' + ')'.repeat(100), 'a'.repeat(5000), 'a{1000000}'])(
    'of too much is refused: %#',
    (source) => {
      expect(() => automatonOf(source)).toThrow(expect.objectContaining({ code: 'CONSTRAINT_TOO_LARGE' }));
    },
  );
});
