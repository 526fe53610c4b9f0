import { fail } from '../fail.ts';
import type { Run } from '../run.ts';
import { operate } from '../values/arithmetic.ts';
import { equals, isOrdered, type Order } from '../values/compare.ts';
import { toText } from '../values/print.ts';
import { contains, isIterable, sizeOf } from '../values/sequence.ts';
import { textTest } from '../values/text-tests.ts';
import { Dict, DictView, type Keywords, Native, SafeText, Undefined, type Value } from '../values/value.ts';

/** `value is name(args)` */
export type Test = (run: Run, value: Value, args: readonly Value[], keywords: Keywords) => boolean;

function alone(test: (value: Value) => boolean): Test {
  return (_, value, args, keywords) => {
    if (args.length > 0 || keywords.size > 0) fail('a test got an argument that it does not take');
    return test(value);
  };
}

function withOne(test: (run: Run, value: Value, other: Value) => boolean): Test {
  return (run, value, args, keywords) => {
    const [other, ...rest] = [...args, ...keywords.values()];
    if (other === undefined || rest.length > 0) return fail('a test takes exactly one argument here');
    return test(run, value, other);
  };
}

function ordered(order: Order): Test {
  return withOne((run, value, other) => isOrdered(run, value, order, other));
}

const equal = withOne(equals);
const unequal = withOne((run, value, other) => !equals(run, value, other));
const less = ordered('lt');
const greater = ordered('gt');

function hasRemainder(run: Run, value: Value, divisor: Value, rest: bigint): boolean {
  return equals(run, operate(run, '%', value, divisor), rest);
}

function isSequence(value: Value): boolean {
  return sizeOf(value) !== undefined && !(value instanceof DictView) && !(value instanceof Native);
}

/** The tests of Jinja2. */
export const tests: Readonly<Record<string, Test>> = {
  '!=': unequal,
  '<': less,
  '<=': ordered('lteq'),
  '==': equal,
  '>': greater,
  '>=': ordered('gteq'),
  boolean: alone((value) => typeof value === 'boolean'),
  callable: alone((value) => (value instanceof Native && value.invoke !== undefined) || value instanceof Undefined),
  defined: alone((value) => !(value instanceof Undefined)),
  divisibleby: withOne((run, value, other) => hasRemainder(run, value, other, 0n)),
  eq: equal,
  equalto: equal,
  escaped: alone((value) => value instanceof SafeText),
  even: (run, value) => hasRemainder(run, value, 2n, 0n),
  false: alone((value) => value === false),
  float: alone((value) => typeof value === 'number'),
  ge: ordered('gteq'),
  greaterthan: greater,
  gt: greater,
  in: withOne((run, value, other) => contains(run, other, value)),
  integer: alone((value) => typeof value === 'bigint'),
  iterable: alone(isIterable),
  le: ordered('lteq'),
  lessthan: less,
  lower: alone((value) => textTest('islower')?.(toText(value)) === true),
  lt: less,
  mapping: alone((value) => value instanceof Dict),
  ne: unequal,
  none: alone((value) => value === null),
  number: alone((value) => ['boolean', 'bigint', 'number'].includes(typeof value)),
  odd: (run, value) => hasRemainder(run, value, 2n, 1n),
  sameas: withOne((_, value, other) => value === other),
  sequence: alone(isSequence),
  string: alone((value) => typeof value === 'string' || value instanceof SafeText),
  true: alone((value) => value === true),
  undefined: alone((value) => value instanceof Undefined),
  upper: alone((value) => textTest('isupper')?.(toText(value)) === true),
};
