import type { Expression } from '../automaton/expression.ts';
import type { Expressions } from '../automaton/expressions.ts';
import type { JsonValues } from './json-values.ts';
import { rangeExpression } from './number-range.ts';
import { below, invalid, numberOf, type PlacedSchema, unsupported } from './schema-object.ts';

const safe = BigInt(Number.MAX_SAFE_INTEGER);

/** WHY a limit: the automaton of multiples has a place for every remainder. */
const largestMultiple = 1000;

/** Digits that double precision always tells apart. */
const exactDigits = 15;

interface Bound {
  readonly keyword: string;
  readonly value: number;
  readonly isOpen: boolean;
}

/**
 * Numbers or whole numbers, between their ends.
 *
 * WHY without an exponent where there is an end: its digits can then be compared one by one.
 *
 * @throws EspalierError CONSTRAINT_INVALID, CONSTRAINT_UNSUPPORTED
 */
export function numberForm(placed: PlacedSchema, type: 'number' | 'integer', parts: NumberParts): Expression {
  const { expressions, values } = parts;
  const [low, high] = [
    boundOf(placed, 'minimum', 'exclusiveMinimum', Math.max),
    boundOf(placed, 'maximum', 'exclusiveMaximum', Math.min),
  ];
  const multipleOf = multipleOfIn(placed);
  const isWhole = type === 'integer' || multipleOf !== undefined;
  if (!isWhole && low === undefined && high === undefined) return values.number;
  const fraction = isWhole ? 0 : fractionFor(low, high, placed);
  const most = isWhole ? safe : 10n ** BigInt(exactDigits + fraction) - 1n;
  const ends = {
    low: low === undefined ? -most : scaled(low, fraction, 1n, placed),
    high: high === undefined ? most : scaled(high, fraction, -1n, placed),
  };
  for (const bound of [low, high]) {
    if (bound !== undefined && Math.abs(bound.value) > Number.MAX_SAFE_INTEGER) {
      throw unsupported(
        `${bound.keyword} is beyond the whole numbers that are exact`,
        below(placed.place, bound.keyword),
      );
    }
  }
  return rangeExpression({ ...ends, fraction, multipleOf: multipleOf ?? 1 }, expressions);
}

export interface NumberParts {
  readonly expressions: Expressions;
  readonly values: JsonValues;
}

/** The stricter of an end that is included and one that is not. */
function boundOf(
  placed: PlacedSchema,
  keyword: string,
  exclusive: string,
  stricter: (a: number, b: number) => number,
): Bound | undefined {
  const value = numberOf(placed, keyword);
  // WHY: in draft 4 it is a flag.
  const flag = placed.schema[exclusive];
  const open = typeof flag === 'boolean' ? (flag ? value : undefined) : numberOf(placed, exclusive);
  if (open !== undefined && (value === undefined || stricter(open, value) === open)) {
    return { keyword: typeof flag === 'boolean' ? keyword : exclusive, value: open, isOpen: true };
  }
  return value === undefined ? undefined : { keyword, value, isOpen: false };
}

function multipleOfIn(placed: PlacedSchema): number | undefined {
  const value = numberOf(placed, 'multipleOf');
  const place = below(placed.place, 'multipleOf');
  if (value === undefined) return undefined;
  if (value <= 0) throw invalid('a number above 0 is expected', place);
  if (!Number.isInteger(value)) throw unsupported('multipleOf a fraction', place);
  if (value > largestMultiple) throw unsupported(`multipleOf above ${largestMultiple}`, place);
  return value;
}

/** How many digits behind the point numbers may have, so that double precision tells each from the ends. */
function fractionFor(low: Bound | undefined, high: Bound | undefined, { place }: PlacedSchema): number {
  const bounds = [low, high].filter((bound) => bound !== undefined);
  const whole = Math.max(1, ...bounds.map(({ value }) => String(Math.trunc(Math.abs(value))).length));
  const fraction = Math.max(0, exactDigits - whole);
  for (const { keyword, value } of bounds) {
    if (decimalsOf(value) > fraction) throw unsupported(`${keyword} with so many digits`, below(place, keyword));
  }
  return fraction;
}

/** A bound in units of 10^-fraction; one that is not included moves inwards. */
function scaled(
  { keyword, value, isOpen }: Bound,
  fraction: number,
  inwards: 1n | -1n,
  { place }: PlacedSchema,
): bigint {
  if (fraction === 0 && !Number.isInteger(value)) return BigInt(inwards === 1n ? Math.ceil(value) : Math.floor(value));
  if (String(value).includes('e') && Math.abs(value) > 1)
    throw unsupported(`${keyword} of this size`, below(place, keyword));
  const units = BigInt(value.toFixed(fraction).replace('.', ''));
  return isOpen ? units + inwards : units;
}

/** Digits behind the point in the shortest form of a number. */
function decimalsOf(value: number): number {
  const [digits = '', exponent = '0'] = String(value).split('e');
  return Math.max(0, (digits.split('.')[1] ?? '').length - Number(exponent));
}
