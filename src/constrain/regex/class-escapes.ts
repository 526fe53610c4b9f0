import { between, type CharacterSet, complement, setOf, without, allCharacters } from '../characters/character-set.ts';

const digits = setOf(between('0', '9'));
const words = setOf(between('a', 'z'), between('A', 'Z'), between('0', '9'), '_');
const spaces = setOf(
  between('\t', '\r'),
  ...' \u00a0\u1680\u2028\u2029\u202f\u205f\u3000\ufeff',
  between('\u2000', '\u200a'),
);

/** What a dot stands for: all but the ends of lines. */
export const dot = without(allCharacters, setOf('\n', '\r', '\u2028', '\u2029'));

/** The sets that a letter after a backslash stands for, as in JavaScript. */
export const classEscapes: Readonly<Record<string, CharacterSet>> = {
  d: digits,
  D: complement(digits),
  w: words,
  W: complement(words),
  s: spaces,
  S: complement(spaces),
};

/** The characters that a letter after a backslash stands for. */
export const characterEscapes: Readonly<Record<string, string>> = {
  t: '\t',
  n: '\n',
  v: '\v',
  f: '\f',
  r: '\r',
  '0': '\0',
};
