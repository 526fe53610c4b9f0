import { describe, expect, it } from 'vitest';
import { matchPattern } from './module-pattern.ts';
import { translatePython } from './python-pattern.ts';

const texts = [
  'model.layers.0.self_attn.q_proj',
  'model.layers.1.self_attn.v_proj',
  'model.layers.10.mlp.up_proj',
  'lm_head',
  'Q_PROJ',
  'aab',
  'aAb',
  'a.b',
  'aa',
  '\u017fcore',
  '\n',
];

/** What `re.fullmatch` of Python 3.11 matches, by the texts' numbers. */
const matched: readonly [pattern: string, texts: readonly number[]][] = [
  ['(?i).*\\.(Q|V)_PROJ', [0, 1]],
  ['(?i:Q)_PROJ', [4]],
  ['(?i:MODEL).*Q_proj', []],
  ['(?i)(?-i:a)Ab', [5, 6]],
  ['(?ix) .* \\. (Q|V) _proj # heads', [0, 1]],
  ['(?s).+', [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]],
  ['.+', [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]],
  ['(?i)score', [9]],
  ['(?ai)score', []],
  ['(?x)a \\. b', [7]],
  ['(?P<a>a)(?P=a)b', [5]],
  ['(a)\\1', [8]],
  ['(?:a++)b', [5]],
  ['a*+ab', []],
  ['(?>a|aa)b', []],
  ['(?>aa|a)b', [5]],
  ['\\Alm_head\\Z', [3]],
  ['^lm_head$', [3]],
  ['.*(?<=layers)\\.\\d{,1}\\..*', [0, 1]],
  ['.*\\d{2}.*', [2]],
  ['.*(?<!\\d)\\.self_attn.*', []],
  ['[^\\W\\d]+', [3, 4, 5, 6, 8, 9]],
  ['\\w+', [3, 4, 5, 6, 8, 9]],
  ['(?#heads)lm_head', [3]],
  ['(?i)[k-s]_proj', [4]],
  ['.*\\b0\\b.*', [0]],
  ['a{1,2}+b', [5]],
  ['(?m)^aa$', [8]],
  ['\\x61\\141b', [5]],
  ['[]a.b]+', [5, 7, 8]],
];

describe('a pattern of Python', () => {
  it.each(matched)('%j matches the texts that Python matches', (pattern, expected) => {
    expect(matchPattern(pattern, texts)).toEqual(expected.map((i) => texts[i]));
  });

  it.each([
    '(?i',
    'a(?i)b',
    '(?L)a',
    '(?<n>a)',
    '\\k<n>',
    '(?<=a+)b',
    '(?P<1>a)',
    '(?P=x)',
    'a**',
    '*a',
    '\\y',
    '[b-a]',
    '(?au)a',
    '(?z)a',
    '\\1',
    '(\\1)',
    '(?P<n>a)(?P<n>b)',
    'a)',
    '(?-a:b)',
    '[a',
    'a{2,1}',
    '\\777',
  ])('%j is refused, as Python refuses it', (pattern) => {
    expect(() => translatePython(pattern)).toThrow(SyntaxError);
  });

  it.each([
    ['(a)?\\1', 'may have no match'],
    ['(a|b)(?(1)c|d)', 'conditional'],
    ['(?i)(a)\\1', 'where case is ignored'],
    ['(?i)\u00e9', 'beyond ASCII'],
    ['(?i)[a-\u00e9]', 'beyond ASCII'],
    ['\\N{LATIN SMALL LETTER A}', 'names of characters'],
    ['(?>a*?)b', 'in an atomic group'],
    ['(?:a|)*+b', 'in an atomic group'],
    ['(?<=(?>a))b', 'in a lookbehind'],
  ])('%j is refused by name, for JavaScript has nothing that means the same', (pattern, reason) => {
    expect(() => translatePython(pattern)).toThrow(reason);
  });

  it('counts the groups that PEFT puts around a pattern for an end', () => {
    expect(matchPattern('(q)_\\3', ['x.q_q'], { orEnd: true })).toEqual(['x.q_q']);
    expect(() => matchPattern('(q)_\\1', ['x.q_q'], { orEnd: true })).toThrow('may have no match');
  });

  it.each([
    ['q_proj', true],
    ['.*\\.(q|k|v)_proj', true],
    ['(?i).*_proj', true],
    ['(?:model\\.)?layers.*', true],
    ['(a+)+', false],
    ['a++', false],
    ['(a)\\1', false],
    ['a?'.repeat(30), false],
    ['(.|.)'.repeat(30), false],
  ])('%j is known for quick: %s', (pattern, isSimple) => {
    expect(translatePython(pattern).isSimple).toBe(isSimple);
  });

  it('is refused with more groups in each other than the stack holds', () => {
    expect(() => translatePython('('.repeat(5000) + ')'.repeat(5000))).toThrow('more than 100 deep');
  });
});
