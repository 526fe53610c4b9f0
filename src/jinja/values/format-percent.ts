import { fail } from '../fail.ts';
import type { Run } from '../run.ts';
import { numeric, textOf } from './compare.ts';
import { exponentDigits, fixedDigits, generalDigits, notFinite } from './decimal.ts';
import { getKey } from './dict.ts';
import { toRepr, toText } from './print.ts';
import { characters, lengthOf } from './text.ts';
import { Dict, Tuple, typeName, type Value } from './value.ts';

const directive = /%(?:\(([^()]*)\))?([-+ #0]*)(\*|\d+)?(?:\.(\*|\d+)?)?[hlL]?(.)?/gsu;

interface Field {
  readonly flags: string;
  readonly width: number;
  readonly precision: number | undefined;
  readonly letter: string;
}

/** `text % values` @throws EspalierError TEMPLATE_FAILED where Python raises */
export function formatPercent(run: Run, text: string, values: Value): string {
  const queue = values instanceof Tuple ? [...values.items] : [values];
  const next = (): Value => {
    if (queue.length === 0) fail('not enough arguments for format string');
    return queue.shift() ?? null;
  };
  let usedKeys = false;
  let length = text.length;
  const made = text.replace(directive, (...found: (string | undefined)[]) => {
    const [, key, flags = '', width, precision, letter] = found;
    if (letter === undefined) return fail('incomplete format');
    if (letter === '%') return '%';
    const count = (given: string | undefined): number | undefined => (given === '*' ? starred(next()) : sizeOf(given));
    const hasPoint = precision !== undefined || /\.[hlL]?.$/su.test(found[0] ?? '');
    const field = {
      flags,
      width: count(width) ?? 0,
      precision: count(precision) ?? (hasPoint ? 0 : undefined),
      letter,
    };
    run.allow(field.width + (field.precision ?? 0));
    if (key !== undefined) usedKeys = true;
    const one = formatOne(key === undefined ? next() : named(values, key), field);
    length += one.length;
    run.allow(length);
    return one;
  });
  // WHY a list may be left: Python takes anything that can be subscribed, except texts and tuples, for a mapping.
  const mayBeLeft = usedKeys || values instanceof Dict || Array.isArray(values);
  return queue.length > 0 && !mayBeLeft ? fail('not all arguments converted during string formatting') : made;
}

function named(values: Value, key: string): Value {
  if (!(values instanceof Dict)) return fail('format requires a mapping');
  return getKey(values, key) ?? fail(`KeyError: ${toRepr(key)}`);
}

function starred(value: Value): number {
  return typeof value === 'bigint' ? Number(value) : fail('* wants int');
}

function sizeOf(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Number(text);
}

function formatOne(value: Value, field: Field): string {
  const { flags, letter, precision } = field;
  switch (letter) {
    case 's':
      return pad(cut(toText(value), precision), field);
    case 'r':
    case 'a':
      return pad(cut(toRepr(value), precision), field);
    case 'c':
      return pad(character(value), field);
    case 'd':
    case 'i':
    case 'u':
      return number(field, ...wholeDigits(value, 'd', 10n));
    case 'x':
    case 'X':
    case 'o': {
      const [negative, digits] = wholeDigits(value, letter, letter === 'o' ? 8n : 16n);
      const prefix = flags.includes('#') ? (letter === 'o' ? '0o' : '0x') : '';
      const shown = letter === 'X' ? digits.toUpperCase() : digits;
      return number(field, negative, shown, letter === 'X' ? prefix.toUpperCase() : prefix);
    }
    case 'e':
    case 'E':
    case 'f':
    case 'F':
    case 'g':
    case 'G':
      return floatField(value, field);
    default:
      return fail(`unsupported format character '${letter}'`);
  }
}

function cut(text: string, precision: number | undefined): string {
  return precision === undefined ? text : characters(text).slice(0, precision).join('');
}

function character(value: Value): string {
  const text = textOf(value);
  if (text !== undefined && lengthOf(text) === 1) return text;
  if (typeof value === 'bigint' && value >= 0n && value < 0x110000n) return String.fromCodePoint(Number(value));
  return fail('%c requires int or char');
}

function wholeDigits(value: Value, letter: string, base: bigint): [negative: boolean, digits: string] {
  const given = numeric(value);
  const wrong = (): never => fail(`%${letter} format: a real number is required, not ${typeName(value)}`);
  if (given === undefined || (typeof given === 'number' && letter !== 'd')) return wrong();
  if (typeof given === 'number' && !Number.isFinite(given))
    return fail('cannot convert float infinity or NaN to integer');
  const whole = typeof given === 'number' ? BigInt(Math.trunc(given)) : given;
  return [whole < 0n, (whole < 0n ? -whole : whole).toString(Number(base))];
}

function floatField(value: Value, field: Field): string {
  const given = numeric(value);
  if (given === undefined) return fail(`must be real number, not ${typeName(value)}`);
  const float = Number(given);
  const negative = float < 0 || Object.is(float, -0);
  const lower = field.letter.toLowerCase();
  const precision = Math.min(field.precision ?? 6, 500);
  let digits: string;
  if (!Number.isFinite(float)) digits = notFinite(float);
  else if (lower === 'f') digits = fixedDigits(float, precision);
  else if (lower === 'e') digits = exponentDigits(float, precision);
  else digits = generalDigits(float, precision, { keepZeros: field.flags.includes('#') });
  const plain = { ...field, precision: undefined };
  return number(plain, negative, field.letter === lower ? digits : digits.toUpperCase());
}

/** Puts the sign, the prefix and the zeros or spaces around digits. */
function number({ flags, width, precision }: Field, negative: boolean, digits: string, prefix = ''): string {
  const sign = negative ? '-' : flags.includes('+') ? '+' : flags.includes(' ') ? ' ' : '';
  const full = precision === undefined ? digits : digits.padStart(precision, '0');
  const head = sign + prefix;
  if (flags.includes('-')) return (head + full).padEnd(width);
  if (flags.includes('0')) return head + full.padStart(width - head.length, '0');
  return (head + full).padStart(width);
}

function pad(text: string, { flags, width }: Field): string {
  const space = ' '.repeat(Math.max(0, width - lengthOf(text)));
  return flags.includes('-') ? text + space : space + text;
}
