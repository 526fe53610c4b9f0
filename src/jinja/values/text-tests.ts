import { characters, isSpace } from './text.ts';

type Test = (text: string) => boolean;

/** Every character passes, and there is one. */
const every =
  (passes: (letter: string) => boolean): Test =>
  (text) =>
    text !== '' && characters(text).every(passes);

const matches =
  (pattern: RegExp): ((letter: string) => boolean) =>
  (letter) =>
    pattern.test(letter);

const upper = /^\p{Uppercase}$/u;
const lower = /^\p{Lowercase}$/u;
const title = /^\p{Lt}$/u;

const tests: Readonly<Record<string, Test>> = {
  isalnum: every(matches(/^[\p{L}\p{N}]$/u)),
  isalpha: every(matches(/^\p{L}$/u)),
  // eslint-disable-next-line no-control-regex
  isascii: (text) => /^[\x00-\x7f]*$/.test(text),
  isdecimal: every(matches(/^\p{Nd}$/u)),
  // WHY these ranges: superscripts, subscripts and digits in circles are digits to Python, though not decimal ones.
  isdigit: every(matches(/^[\p{Nd}²³¹⁰⁴-⁹₀-₉①-⑨⑴-⑼⒈-⒐⓪⓵-⓽⓿❶-❾➀-➈➊-➒]$/u)),
  isidentifier: (text) => /^[\p{XID_Start}_]\p{XID_Continue}*$/u.test(text),
  islower: (text) => hasCase(text, lower, [upper, title]),
  isnumeric: every(matches(/^\p{N}$/u)),
  isprintable: (text) => characters(text).every((letter) => letter === ' ' || !/^[\p{C}\p{Z}]$/u.test(letter)),
  isspace: every(isSpace),
  istitle: isTitle,
  isupper: (text) => hasCase(text, upper, [lower, title]),
};

/** `str.isdigit` and the like. @returns undefined for another name */
export function textTest(name: string): Test | undefined {
  return Object.hasOwn(tests, name) ? tests[name] : undefined;
}

function hasCase(text: string, wanted: RegExp, others: readonly RegExp[]): boolean {
  const letters = characters(text);
  return letters.some(matches(wanted)) && !letters.some((letter) => others.some((other) => other.test(letter)));
}

function isTitle(text: string): boolean {
  let insideWord = false;
  let found = false;
  for (const letter of characters(text)) {
    const begins = upper.test(letter) || title.test(letter);
    const continues = lower.test(letter);
    if ((begins && insideWord) || (continues && !insideWord)) return false;
    insideWord = begins || continues;
    found ||= insideWord;
  }
  return found;
}
