import { fail, unsupported } from '../fail.ts';
import type { Run } from '../run.ts';
import { formatPercent } from './format-percent.ts';
import { numeric, textOf } from './compare.ts';
import { escaped } from './escape.ts';
import { toText } from './print.ts';
import { SafeText, Tuple, typeName, Undefined, type Value } from './value.ts';

export type Operator = '+' | '-' | '*' | '/' | '//' | '%' | '**';

/** How many bits an int may have; Python prints no int of more. */
const mostBits = 14_300;
/** How many items a repeated list may have. */
const mostItems = 1_000_000;

/**
 * `a + b` and the other operators of arithmetic, by Python's rules for the types of both sides.
 * @throws EspalierError TEMPLATE_FAILED where Python raises
 */
export function operate(run: Run, operator: Operator, a: Value, b: Value): Value {
  run.spend();
  if (a instanceof Undefined) return fail(a.problem);
  const text = textOf(a);
  if (operator === '%' && text !== undefined) return percent(run, a, text, b);
  if (b instanceof Undefined) return fail(b.problem);
  const [left, right] = [numeric(a), numeric(b)];
  if (left !== undefined && right !== undefined) return calculate(operator, left, right);
  const made = operator === '+' ? join(run, a, b) : operator === '*' ? repeat(run, a, b) : undefined;
  return made ?? fail(`unsupported operand type(s) for ${operator}: '${typeName(a)}' and '${typeName(b)}'`);
}

function percent(run: Run, a: Value, text: string, b: Value): Value {
  if (a instanceof SafeText) return unsupported('% of a text that is marked safe');
  return run.made(formatPercent(run, text, b));
}

function join(run: Run, a: Value, b: Value): Value | undefined {
  const [left, right] = [textOf(a), textOf(b)];
  if (left !== undefined && right !== undefined) {
    if (typeof a === 'string' && typeof b === 'string') return run.made(a + b);
    return new SafeText(run.made(escaped(a) + escaped(b)));
  }
  if (Array.isArray(a) && Array.isArray(b)) {
    run.spend(a.length + b.length);
    return [...a, ...b];
  }
  if (a instanceof Tuple && b instanceof Tuple) {
    run.spend(a.items.length + b.items.length);
    return new Tuple([...a.items, ...b.items]);
  }
  return undefined;
}

function repeat(run: Run, a: Value, b: Value): Value | undefined {
  const [sequence, times] = wholeNumber(b) === undefined ? [b, wholeNumber(a)] : [a, wholeNumber(b)];
  if (times === undefined) return undefined;
  const text = textOf(sequence);
  if (text !== undefined) {
    const count = bounded(times, text.length, 2 ** 24);
    const made = run.made(text.repeat(count));
    return sequence instanceof SafeText ? new SafeText(made) : made;
  }
  const items = Array.isArray(sequence) ? sequence : sequence instanceof Tuple ? sequence.items : undefined;
  if (items === undefined) return undefined;
  const count = bounded(times, items.length, mostItems);
  run.spend(items.length * count);
  const repeated = Array.from({ length: count }, () => items).flat(1);
  return sequence instanceof Tuple ? new Tuple(repeated) : repeated;
}

function bounded(times: bigint, length: number, most: number): number {
  if (times <= 0n || length === 0) return 0;
  if (times * BigInt(length) > BigInt(most)) fail(`it repeats to more than ${most}`);
  return Number(times);
}

function wholeNumber(value: Value): bigint | undefined {
  if (typeof value === 'boolean') return BigInt(value);
  return typeof value === 'bigint' ? value : undefined;
}

function calculate(operator: Operator, a: bigint | number, b: bigint | number): bigint | number {
  if (typeof a === 'bigint' && typeof b === 'bigint')
    return operator === '/' ? divideInts(a, b) : ofInts(operator, a, b);
  return ofFloats(operator, toFloat(a), toFloat(b));
}

function toFloat(value: bigint | number): number {
  const float = Number(value);
  return typeof value === 'bigint' && !Number.isFinite(float) ? fail('int too large to convert to float') : float;
}

function divideInts(a: bigint, b: bigint): number {
  return b === 0n ? fail('division by zero') : toFloat(a) / toFloat(b);
}

function ofInts(operator: Exclude<Operator, '/'>, a: bigint, b: bigint): bigint | number {
  switch (operator) {
    case '+':
      return checkBits(a + b);
    case '-':
      return checkBits(a - b);
    case '*':
      return checkBits(a * b);
    case '//':
      return b === 0n ? fail('integer division or modulo by zero') : floorDivide(a, b);
    case '%':
      return b === 0n ? fail('integer modulo by zero') : a - b * floorDivide(a, b);
    case '**':
      return power(a, b);
  }
}

function floorDivide(a: bigint, b: bigint): bigint {
  const quotient = a / b;
  return a % b !== 0n && a < 0n !== b < 0n ? quotient - 1n : quotient;
}

function power(a: bigint, b: bigint): bigint | number {
  if (b < 0n) return a === 0n ? fail('0.0 cannot be raised to a negative power') : toFloat(a) ** toFloat(b);
  const bits = BigInt(bitsOf(a));
  if (bits > 1n && bits * b > BigInt(mostBits)) fail(`an int has more than ${mostBits} bits`);
  return bits <= 1n ? smallPower(a, b) : a ** b;
}

/** WHY apart: of 0, 1 and -1 the exponent may be of any size. */
function smallPower(a: bigint, b: bigint): bigint {
  if (b === 0n) return 1n;
  return a === -1n && b % 2n === 0n ? 1n : a;
}

function checkBits(value: bigint): bigint {
  return bitsOf(value) > mostBits ? fail(`an int has more than ${mostBits} bits`) : value;
}

function bitsOf(value: bigint): number {
  if (value > -(2n ** 53n) && value < 2n ** 53n) return Number(value).toString(2).replace('-', '').length;
  return value.toString(16).length * 4;
}

function ofFloats(operator: Operator, a: number, b: number): number {
  switch (operator) {
    case '+':
      return a + b;
    case '-':
      return a - b;
    case '*':
      return a * b;
    case '/':
      return b === 0 ? fail('float division by zero') : a / b;
    case '//':
      return b === 0 ? fail('float floor division by zero') : floorQuotient(a, b);
    case '%':
      return b === 0 ? fail('float modulo') : remainder(a, b);
    case '**':
      return floatPower(a, b);
  }
}

function floatPower(a: number, b: number): number {
  if (a === 0 && b < 0) return fail('0.0 cannot be raised to a negative power');
  if (a < 0 && Number.isFinite(a) && Number.isFinite(b) && !Number.isInteger(b)) return unsupported('a complex number');
  const result = a === 1 ? 1 : a ** b;
  if (!Number.isFinite(result) && Number.isFinite(a) && Number.isFinite(b)) return fail('Result too large');
  return result;
}

/** The remainder with the sign of the divisor. */
function remainder(a: number, b: number): number {
  const rest = a % b;
  if (rest === 0) return b < 0 ? -0 : 0;
  return rest < 0 !== b < 0 ? rest + b : rest;
}

/** As CPython's `float_floor_div`: by the exact remainder, then rounded to the nearest whole number. */
function floorQuotient(a: number, b: number): number {
  const rest = a % b;
  let quotient = (a - rest) / b;
  if (rest !== 0 && rest < 0 !== b < 0) quotient -= 1;
  if (quotient === 0) return a / b < 0 ? -0 : 0;
  const floor = Math.floor(quotient);
  return quotient - floor > 0.5 ? floor + 1 : floor;
}

/** `-value` and `+value` */
export function signed(value: Value, sign: '-' | '+'): Value {
  if (value instanceof Undefined) return fail(value.problem);
  const number = numeric(value);
  if (number === undefined) return fail(`bad operand type for unary ${sign}: '${typeName(value)}'`);
  return sign === '-' ? -number : number;
}

/** `a ~ b ~ ...` */
export function concatenate(run: Run, parts: readonly Value[]): string {
  run.spend();
  return run.made(parts.map(toText).join(''));
}
