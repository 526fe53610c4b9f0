import { fail } from '../fail.ts';
import type { Run } from '../run.ts';
import { deepest, floatText, intText } from './print.ts';
import { Dict, DictView, Range, SafeText, Slice, Tuple, typeName, Undefined, type Value } from './value.ts';

/** A text, marked safe or not; undefined for any other value. */
export function textOf(value: Value): string | undefined {
  if (typeof value === 'string') return value;
  return value instanceof SafeText ? value.text : undefined;
}

/** A bool, int or float as JavaScript compares them exactly; undefined for any other value. */
export function numeric(value: Value): bigint | number | undefined {
  if (typeof value === 'boolean') return value ? 1n : 0n;
  return typeof value === 'bigint' || typeof value === 'number' ? value : undefined;
}

/** `a == b` */
export function equals(run: Run, a: Value, b: Value, depth = 0): boolean {
  run.spend();
  if (depth > deepest) fail(`lists lie more than ${deepest} deep in one another`);
  if (a === b) return true;
  const [left, right] = [numeric(a), numeric(b)];
  if (left !== undefined || right !== undefined) {
    // WHY ==: JavaScript compares a bigint and a number by their exact values, as Python compares int and float.
    // eslint-disable-next-line eqeqeq
    return left !== undefined && right !== undefined && left == right;
  }
  const [first, second] = [textOf(a), textOf(b)];
  if (first !== undefined || second !== undefined) return first === second;
  if (Array.isArray(a)) return Array.isArray(b) && sameItems(run, a, b, depth);
  if (a instanceof Tuple) return b instanceof Tuple && sameItems(run, a.items, b.items, depth);
  if (a instanceof Dict) return b instanceof Dict && sameEntries(run, a, b, depth);
  if (a instanceof Undefined) return b instanceof Undefined;
  if (a instanceof Range && b instanceof Range) {
    const length = a.length;
    return length === b.length && (length === 0 || (a.start === b.start && (length === 1 || a.step === b.step)));
  }
  if (a instanceof Slice && b instanceof Slice) {
    return sameItems(run, [a.start, a.stop, a.step], [b.start, b.stop, b.step], depth);
  }
  return false;
}

function sameItems(run: Run, a: readonly Value[], b: readonly Value[], depth: number): boolean {
  return a.length === b.length && a.every((one, i) => equals(run, one, b[i] ?? null, depth + 1));
}

function sameEntries(run: Run, a: Dict, b: Dict, depth: number): boolean {
  if (a.entries.size !== b.entries.size) return false;
  for (const [key, [, value]] of a.entries) {
    const other = b.entries.get(key);
    if (other === undefined || !equals(run, value, other[1], depth + 1)) return false;
  }
  return true;
}

const symbols: Readonly<Record<Order, string>> = { lt: '<', lteq: '<=', gt: '>', gteq: '>=' };
export type Order = 'lt' | 'lteq' | 'gt' | 'gteq';

/** `a < b` and the like. @throws EspalierError TEMPLATE_FAILED where Python does not order the two */
export function isOrdered(run: Run, a: Value, order: Order, b: Value): boolean {
  if (a instanceof Undefined) fail(a.problem);
  if (b instanceof Undefined) fail(b.problem);
  const sign = compareNumbers(a, b) ?? compareTexts(a, b) ?? compareItems(run, a, b, order);
  if (sign === undefined) {
    return fail(`'${symbols[order]}' not supported between instances of '${typeName(a)}' and '${typeName(b)}'`);
  }
  if (Number.isNaN(sign)) return false;
  switch (order) {
    case 'lt':
      return sign < 0;
    case 'lteq':
      return sign <= 0;
    case 'gt':
      return sign > 0;
    case 'gteq':
      return sign >= 0;
  }
}

function compareNumbers(a: Value, b: Value): number | undefined {
  const [left, right] = [numeric(a), numeric(b)];
  if (left === undefined || right === undefined) return undefined;
  if (Number.isNaN(Number(left)) || Number.isNaN(Number(right))) return Number.NaN;
  return left < right ? -1 : left > right ? 1 : 0;
}

/** By code points; UTF-16 units order the characters above U+FFFF before some below. */
function compareTexts(a: Value, b: Value): number | undefined {
  const [left, right] = [textOf(a), textOf(b)];
  if (left === undefined || right === undefined) return undefined;
  const length = Math.min(left.length, right.length);
  let at = 0;
  while (at < length && left.charCodeAt(at) === right.charCodeAt(at)) at += 1;
  if (at === length) return left.length - right.length;
  return orderOfUnit(left.charCodeAt(at)) - orderOfUnit(right.charCodeAt(at));
}

function orderOfUnit(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}

function compareItems(run: Run, a: Value, b: Value, order: Order): number | undefined {
  const [left, right] = [itemsOf(a), itemsOf(b)];
  if (left === undefined || right === undefined || Array.isArray(a) !== Array.isArray(b)) return undefined;
  for (let i = 0; i < Math.min(left.length, right.length); i += 1) {
    const [one, other] = [left[i] ?? null, right[i] ?? null];
    if (equals(run, one, other)) continue;
    const holds = isOrdered(run, one, order, other);
    return holds === (order === 'lt' || order === 'lteq') ? -1 : 1;
  }
  return left.length - right.length;
}

function itemsOf(value: Value): readonly Value[] | undefined {
  if (Array.isArray(value)) return value;
  return value instanceof Tuple ? value.items : undefined;
}

/** `bool(value)` */
export function isTrue(value: Value): boolean {
  if (value === null || value instanceof Undefined) return false;
  if (typeof value === 'boolean') return value;
  if (typeof value === 'bigint') return value !== 0n;
  if (typeof value === 'number') return value !== 0;
  if (typeof value === 'string') return value !== '';
  if (Array.isArray(value)) return value.length > 0;
  if (value instanceof SafeText) return value.text !== '';
  if (value instanceof Tuple) return value.items.length > 0;
  if (value instanceof Dict) return value.entries.size > 0;
  if (value instanceof DictView) return value.dict.entries.size > 0;
  if (value instanceof Range) return value.length > 0;
  return true;
}

/**
 * What makes two keys of a dict the same key.
 * @throws EspalierError TEMPLATE_FAILED for a value that cannot be a key
 */
export function keyOf(value: Value, depth = 0): unknown {
  if (depth > deepest) fail(`tuples lie more than ${deepest} deep in one another`);
  if (typeof value === 'string' || value === null || typeof value === 'bigint') return value;
  if (typeof value === 'boolean') return value ? 1n : 0n;
  if (typeof value === 'number') return Number.isInteger(value) ? BigInt(value) : value;
  if (value instanceof SafeText) return value.text;
  if (value instanceof Undefined) return Undefined;
  // WHY a text that begins so: no text of a template holds a lone low surrogate before a parenthesis by chance.
  if (value instanceof Tuple) return `\udc00(${value.items.map((one) => keyText(one, depth + 1)).join()})`;
  if (Array.isArray(value) || value instanceof Dict || value instanceof Slice) {
    return fail(`unhashable type: '${typeName(value)}'`);
  }
  if (value instanceof DictView) return fail(`unhashable type: 'dict_${value.kind}'`);
  return value;
}

function keyText(value: Value, depth: number): string {
  const key = keyOf(value, depth);
  if (typeof key === 'string') return JSON.stringify(key);
  if (key === null) return 'None';
  if (typeof key === 'bigint') return intText(key);
  return typeof key === 'number' ? floatText(key) : fail(`a tuple with a ${typeName(value)} is no key`);
}

/** Whether a value can be a key; `keyOf` fails for it otherwise. */
export function isHashable(value: Value): boolean {
  if (value instanceof Tuple) return value.items.every(isHashable);
  return !(Array.isArray(value) || value instanceof Dict || value instanceof Slice || value instanceof DictView);
}
