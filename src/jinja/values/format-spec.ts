import { fail } from '../fail.ts';
import { numeric, textOf } from './compare.ts';
import { exponentDigits, fixedDigits, generalDigits, notFinite } from './decimal.ts';
import { floatText, toText } from './print.ts';
import { characters, lengthOf } from './text.ts';
import { typeName, type Value } from './value.ts';

/** The parts of `[[fill]align][sign][#][0][width][grouping][.precision][type]`. */
interface Spec {
  readonly fill: string;
  readonly align: string;
  readonly sign: string;
  readonly alternate: boolean;
  readonly width: number;
  readonly grouping: string;
  readonly precision: number | undefined;
  readonly type: string;
}

const grammar = /^(?:(.)?([<>=^]))?([-+ ])?(#)?(0)?(\d+)?([_,])?(?:\.(\d+))?([a-zA-Z%])?$/su;
const widest = 100_000;

/** `format(value, spec)` @throws EspalierError TEMPLATE_FAILED where Python raises */
export function formatWith(value: Value, spec: string): string {
  if (spec === '') return toText(value);
  const text = textOf(value);
  const number = numeric(value);
  if (text === undefined && number === undefined) {
    return fail(`unsupported format string passed to ${typeName(value)}.__format__`);
  }
  const parsed = parse(spec, text === undefined ? '>' : '<', text === undefined);
  if (text !== undefined) return formatText(text, parsed);
  return number === undefined ? '' : formatNumber(number, parsed);
}

function parse(text: string, side: string, isNumber: boolean): Spec {
  const found = grammar.exec(text);
  if (found === null) return fail(`Invalid format specifier '${text}'`);
  const [, fill, given, sign = '-', alternate, zero, width = '0', grouping = '', precision, type = ''] = found;
  const zeros = zero !== undefined && given === undefined;
  if (Number(width) > widest || Number(precision ?? 0) > 500) fail('a format asks for too many digits');
  return {
    fill: fill ?? (zero === undefined ? ' ' : '0'),
    align: given ?? (zeros && isNumber ? '=' : side),
    sign,
    alternate: alternate !== undefined,
    width: Number(width),
    grouping,
    precision: precision === undefined ? undefined : Number(precision),
    type,
  };
}

function formatText(text: string, spec: Spec): string {
  if (spec.type !== '' && spec.type !== 's') {
    return fail(`Unknown format code '${spec.type}' for object of type 'str'`);
  }
  if (spec.align === '=') return fail("'=' alignment not allowed in string format specifier");
  const { precision } = spec;
  return align(precision === undefined ? text : characters(text).slice(0, precision).join(''), '', spec);
}

function formatNumber(value: bigint | number, spec: Spec): string {
  const { type } = spec;
  if (typeof value === 'bigint' && ['', 'd', 'n', 'b', 'o', 'x', 'X', 'c'].includes(type))
    return formatInt(value, spec);
  if (!['', 'e', 'E', 'f', 'F', 'g', 'G', 'n', '%'].includes(type)) {
    return fail(`Unknown format code '${type}' for object of type '${typeof value === 'bigint' ? 'int' : 'float'}'`);
  }
  return formatFloat(Number(value), spec);
}

const bases: Readonly<Record<string, readonly [base: number, prefix: string]>> = {
  b: [2, '0b'],
  o: [8, '0o'],
  x: [16, '0x'],
  X: [16, '0X'],
};

function formatInt(value: bigint, spec: Spec): string {
  if (spec.precision !== undefined) return fail('Precision not allowed in integer format specifier');
  if (spec.type === 'c') return align(String.fromCodePoint(Number(value)), '', spec);
  const [base, prefix] = bases[spec.type] ?? [10, ''];
  const digits = (value < 0n ? -value : value).toString(base);
  const grouped = { size: base === 10 ? 3 : 4, spec };
  const head = signOf(value < 0n, spec) + (spec.alternate ? prefix : '');
  return align(group(spec.type === 'X' ? digits.toUpperCase() : digits, head, grouped), head, spec);
}

function formatFloat(value: number, spec: Spec): string {
  const negative = value < 0 || Object.is(value, -0);
  const digits = floatDigits(Math.abs(value), spec);
  const head = signOf(negative, spec);
  const [, whole = '', rest = ''] = /^(\d*)(.*)$/s.exec(digits) ?? [];
  const body = whole === '' ? digits : group(whole, head, { size: 3, spec, after: rest.length }) + rest;
  return align(body, head, spec);
}

function floatDigits(value: number, { type, precision, alternate }: Spec): string {
  const upper = type !== '' && type === type.toUpperCase() && type !== '%';
  const percent = type === '%' ? '%' : '';
  const scaled = percent === '' ? value : value * 100;
  if (!Number.isFinite(scaled)) return (upper ? notFinite(scaled).toUpperCase() : notFinite(scaled)) + percent;
  const made = ((): string => {
    switch (type.toLowerCase()) {
      case 'e':
        return exponentDigits(scaled, precision ?? 6);
      case 'f':
      case '%':
        return fixedDigits(scaled, precision ?? 6);
      case '':
        return precision === undefined ? floatText(scaled) : generalDigits(scaled, precision, { pointZero: true });
      default:
        return generalDigits(scaled, precision ?? 6, { keepZeros: alternate });
    }
  })();
  return (upper ? made.toUpperCase() : made) + percent;
}

function signOf(negative: boolean, { sign }: Spec): string {
  return negative ? '-' : sign === '-' ? '' : sign;
}

interface Grouping {
  readonly size: number;
  readonly spec: Spec;
  /** How many characters follow the digits. */
  readonly after?: number;
}

/** Puts the separators between groups of digits. Zeros that fill the width are grouped too. */
function group(digits: string, head: string, { size, spec, after = 0 }: Grouping): string {
  if (spec.grouping === '') return digits;
  const separate = (text: string): string =>
    text.replace(new RegExp(`\\B(?=(?:.{${size}})+$)`, 'g'), () => spec.grouping);
  if (spec.align !== '=' || spec.fill !== '0') return separate(digits);
  let full = digits;
  while (separate(full).length + head.length + after < spec.width) full = `0${full}`;
  return separate(full);
}

function align(body: string, head: string, spec: Spec): string {
  const room = Math.max(0, spec.width - lengthOf(body) - head.length);
  const left = spec.align === '<' ? 0 : spec.align === '^' ? Math.floor(room / 2) : room;
  const before = spec.fill.repeat(left);
  const behind = spec.fill.repeat(room - left);
  return spec.align === '=' ? head + before + body : before + head + body + behind;
}
