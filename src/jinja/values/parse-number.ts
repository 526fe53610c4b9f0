import { strip } from './text.ts';

/** `int(text, base)`. @returns undefined where Python raises a ValueError */
export function parseIntText(text: string, base: number): bigint | undefined {
  const found = /^([+-]?)(?:0([bBoOxX])_?)?([0-9a-zA-Z]+(?:_[0-9a-zA-Z]+)*)$/.exec(inside(text));
  if (found === null) return undefined;
  const [, sign, letter, digits = ''] = found;
  const given = letter === undefined ? undefined : { b: 2, o: 8, x: 16 }[letter.toLowerCase()];
  if (letter !== undefined && base !== 0 && base !== given) return wholePrefix(text, base);
  const plain = digits.replaceAll('_', '').toLowerCase();
  if (base === 0 && letter === undefined && /^0+[1-9]/.test(plain)) return undefined;
  const value = fromDigits(plain, given ?? (base === 0 ? 10 : base));
  return value === undefined ? undefined : sign === '-' ? -value : value;
}

/** WHY: in base 16, "0b1" has digits only, although it looks like a binary number. */
function wholePrefix(text: string, base: number): bigint | undefined {
  const found = /^([+-]?)([0-9a-zA-Z]+)$/.exec(inside(text));
  const value = found === null ? undefined : fromDigits((found[2] ?? '').toLowerCase(), base);
  return value === undefined ? undefined : found?.[1] === '-' ? -value : value;
}

function fromDigits(digits: string, base: number): bigint | undefined {
  if (digits.length > 4300 || base < 2 || base > 36) return undefined;
  let value = 0n;
  for (const digit of digits) {
    const one = Number.parseInt(digit, base);
    if (Number.isNaN(one)) return undefined;
    value = value * BigInt(base) + BigInt(one);
  }
  return value;
}

/** `float(text)`. @returns undefined where Python raises a ValueError */
export function parseFloatText(text: string): number | undefined {
  const word = inside(text);
  const named = /^([+-]?)(?:(inf(?:inity)?)|nan)$/i.exec(word);
  if (named !== null) {
    if (named[2] === undefined) return Number.NaN;
    return named[1] === '-' ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  }
  const isFloat = /^[+-]?(?:\d+(?:_\d+)*\.?(?:\d+(?:_\d+)*)?|\.\d+(?:_\d+)*)(?:e[+-]?\d+(?:_\d+)*)?$/i.test(word);
  return isFloat ? Number(word.replaceAll('_', '')) : undefined;
}

/** The text without white space around it, and with the decimal digits of other scripts as those of ASCII. */
function inside(text: string): string {
  const word = strip(text, undefined, { left: true, right: true });
  return word.length > 4400 ? word : word.replace(/\p{Nd}/gu, (one) => digitOf(one));
}

const decimal = /^\p{Nd}$/u;

/** WHY by counting: Unicode has the ten digits of a script in a row, from 0 on. */
function digitOf(digit: string): string {
  const code = digit.codePointAt(0) ?? 0;
  let before = 0;
  while (decimal.test(String.fromCodePoint(code - before - 1))) before += 1;
  return String(before % 10);
}
