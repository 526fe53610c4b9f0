import { fail } from '../fail.ts';
import type { Run } from '../run.ts';
import type { Arguments } from '../values/arguments.ts';
import { operate } from '../values/arithmetic.ts';
import { isTrue, numeric, textOf } from '../values/compare.ts';
import { fixedDigits, scaledRound } from '../values/decimal.ts';
import { formatPercent } from '../values/format-percent.ts';
import { parseFloatText, parseIntText } from '../values/parse-number.ts';
import { typeName, Undefined, type Value } from '../values/value.ts';
import { filter, type Filter } from './filter.ts';

export const numberFilters: Readonly<Record<string, Filter>> = {
  abs: filter('abs', [], (_, value) => {
    const number = numeric(value);
    if (number === undefined) return wrongType('abs', value);
    return typeof number === 'number' ? Math.abs(number) : number < 0n ? -number : number;
  }),
  filesizeformat: filter('filesizeformat', ['binary?'], fileSize),
  float: filter('float', ['default?'], (_, value, args) => toFloat(value) ?? args.or('default', 0)),
  int: filter('int', ['default?', 'base?'], toInt),
  round: filter('round', ['precision?', 'method?'], round),
};

function fileSize(run: Run, value: Value, args: Arguments): string {
  const size = toFloat(value) ?? fail(`the filter filesizeformat takes a number, not ${typeName(value)}`);
  const isBinary = isTrue(args.or('binary', false));
  const base = isBinary ? 1024 : 1000;
  if (size === 1) return '1 Byte';
  if (size === -Infinity) return fail('cannot convert float infinity to integer');
  if (size < base) return `${Math.trunc(size) + 0} Bytes`;
  const last = sizeLetters.length - 1;
  const index = [...sizeLetters].findIndex((_, power) => size < base ** (power + 2));
  const power = index < 0 ? last : index;
  const number = formatPercent(run, '%.1f', (base * size) / base ** (power + 2));
  const letter = sizeLetters.charAt(power);
  return `${number} ${isBinary ? `${letter}iB` : `${letter === 'K' ? 'k' : letter}B`}`;
}

const sizeLetters = 'KMGTPEZY';

function wrongType(name: string, value: Value): never {
  if (value instanceof Undefined) return fail(value.problem);
  return fail(`the filter ${name} takes a number, not ${typeName(value)}`);
}

/** `float(value)`; undefined where Python raises a TypeError or ValueError. */
function toFloat(value: Value): number | undefined {
  if (value instanceof Undefined) return fail(value.problem);
  const text = textOf(value);
  if (text !== undefined) return parseFloatText(text);
  const number = numeric(value);
  return number === undefined ? undefined : Number(number);
}

function toInt(_: Run, value: Value, args: Arguments): Value {
  const text = textOf(value);
  if (typeof value === 'bigint' || typeof value === 'boolean') return BigInt(value);
  const whole = text === undefined ? undefined : parseIntText(text, args.whole('base', 10));
  if (whole !== undefined) return whole;
  if (value === Number.POSITIVE_INFINITY || value === Number.NEGATIVE_INFINITY) {
    return fail('cannot convert float infinity to integer');
  }
  const float = toFloat(value);
  return float === undefined || !Number.isFinite(float) ? args.or('default', 0n) : BigInt(Math.trunc(float));
}

function round(run: Run, value: Value, args: Arguments): Value {
  const method = args.text('method', 'common');
  const precision = args.whole('precision', 0);
  if (!['common', 'ceil', 'floor'].includes(method)) fail('method must be common, ceil or floor');
  const number = numeric(value);
  if (number === undefined) return wrongType('round', value);
  if (method !== 'common') {
    const power = operate(run, '**', 10n, BigInt(precision));
    const scaled = numeric(operate(run, '*', number, power)) ?? 0;
    return operate(run, '/', wholeOf(scaled, method), power);
  }
  return typeof number === 'bigint' ? roundInt(number, precision) : roundFloat(number, precision);
}

function wholeOf(value: bigint | number, method: string): bigint {
  if (typeof value === 'bigint') return value;
  if (!Number.isFinite(value)) return fail('cannot convert float infinity or NaN to integer');
  return BigInt(method === 'ceil' ? Math.ceil(value) : Math.floor(value));
}

function roundInt(value: bigint, precision: number): bigint {
  if (precision >= 0) return value;
  if (precision < -400) return 0n;
  const unit = 10n ** BigInt(-precision);
  const size = value < 0n ? -value : value;
  const twice = (size % unit) * 2n;
  const down = size / unit;
  const up = twice > unit || (twice === unit && down % 2n === 1n);
  const rounded = (up ? down + 1n : down) * unit;
  return value < 0n ? -rounded : rounded;
}

function roundFloat(value: number, precision: number): number {
  if (!Number.isFinite(value) || precision > 400) return value;
  if (precision < -400) return value < 0 ? -0 : 0;
  const size =
    precision >= 0
      ? Number(fixedDigits(value, precision))
      : Number(scaledRound(value, -precision) * 10n ** BigInt(-precision));
  return value < 0 || Object.is(value, -0) ? -size : size;
}
