import { fail } from '../fail.ts';
import type { Run } from '../run.ts';
import type { Arguments } from '../values/arguments.ts';
import { operate } from '../values/arithmetic.ts';
import { equals, isOrdered, isTrue, keyOf, textOf } from '../values/compare.ts';
import { isIterable, iterate, like, listOf, sizeOf, values } from '../values/sequence.ts';
import { compareSort } from '../values/sort.ts';
import { characters } from '../values/text.ts';
import { Dict, Native, Stream, Tuple, typeName, Undefined, type Value } from '../values/value.ts';
import { attributeGetter, attributesGetter, ignoreCase } from './attribute-getter.ts';
import { filter, type Filter } from './filter.ts';

const length = filter('length', [], (_, value) => {
  const size = sizeOf(value);
  return size === undefined ? fail(`object of type '${typeName(value)}' has no len()`) : BigInt(size);
});

export const sequenceFilters: Readonly<Record<string, Filter>> = {
  batch: filter('batch', ['linecount', 'fill_with?'], (run, value, args) => new Stream(batches(run, value, args))),
  count: length,
  dictsort: filter('dictsort', ['case_sensitive?', 'by?', 'reverse?'], dictSort),
  first: filter('first', [], (run, value) => firstOf(iterate(run, value), 'No first item, sequence was empty.')),
  groupby: filter('groupby', ['attribute', 'default?', 'case_sensitive?'], groupBy),
  items: filter('items', [], itemPairs),
  last: filter('last', [], (run, value) => {
    return firstOf(reversed(run, value).values(), 'No last item, sequence was empty.');
  }),
  length,
  list: filter('list', [], listOf),
  max: filter('max', ['case_sensitive?', 'attribute?'], (run, value, args) => extreme(run, value, args, 'gt')),
  min: filter('min', ['case_sensitive?', 'attribute?'], (run, value, args) => extreme(run, value, args, 'lt')),
  random: filter('random', [], randomItem),
  reverse: filter('reverse', [], reverse),
  slice: filter('slice', ['slices', 'fill_with?'], (run, value, args) => new Stream(slices(run, value, args))),
  sort: filter('sort', ['reverse?', 'case_sensitive?', 'attribute?'], sort),
  sum: filter('sum', ['attribute?', 'start?'], sum),
  unique: filter('unique', ['case_sensitive?', 'attribute?'], (run, value, args) => {
    return new Stream(uniqueItems(run, value, args));
  }),
};

function firstOf(items: Iterator<Value>, problem: string): Value {
  const { done, value } = items.next();
  return done === true ? new Undefined(problem) : value;
}

function randomItem(run: Run, value: Value): Value {
  const size = value instanceof Undefined ? 0 : sizeOf(value);
  if (size === undefined || value instanceof Dict) return fail(`'${typeName(value)}' object has no items by number`);
  if (size === 0) return new Undefined('No random item, sequence was empty.');
  return listOf(run, value)[Math.floor(Math.random() * size)] ?? null;
}

/** @throws EspalierError TEMPLATE_FAILED for what can only be passed through once */
function reversed(run: Run, value: Value): Value[] {
  if (value instanceof Stream || value instanceof Native) fail(`'${typeName(value)}' object is not reversible`);
  return listOf(run, value).reverse();
}

function reverse(run: Run, value: Value): Value {
  const text = textOf(value);
  if (text !== undefined) return like(value, run.made(characters(text).reverse().join('')));
  if (!isIterable(value)) return fail('argument must be iterable');
  const items = listOf(run, value).reverse();
  return value instanceof Stream ? items : new Stream(items.values(), `${typeName(value)}_reverseiterator`);
}

function* batches(run: Run, value: Value, args: Arguments): Generator<Value> {
  const count = args.whole('linecount');
  const filler = args.value('fill_with') ?? null;
  let batch: Value[] = [];
  for (const item of values(iterate(run, value))) {
    if (batch.length === count) {
      yield batch;
      batch = [];
    }
    batch.push(item);
  }
  if (batch.length === 0) return;
  const room = filler === null ? 0 : Math.max(0, count - batch.length);
  run.spend(room);
  yield [...batch, ...Array.from({ length: room }, () => filler)];
}

function* slices(run: Run, value: Value, args: Arguments): Generator<Value> {
  const items = listOf(run, value);
  const count = args.whole('slices');
  const filler = args.value('fill_with') ?? null;
  if (count === 0) fail('integer division or modulo by zero');
  const size = Math.floor(items.length / count);
  const larger = ((items.length % count) + count) % count;
  let start = 0;
  for (let i = 0; i < count; i += 1) {
    run.spend();
    const end = start + size + (i < larger ? 1 : 0);
    yield i >= larger && filler !== null ? [...items.slice(start, end), filler] : items.slice(start, end);
    start = end;
  }
}

function itemPairs(_: Run, value: Value): Value {
  if (value instanceof Undefined) return new Stream([].values());
  if (!(value instanceof Dict)) return fail('Can only get item pairs from a mapping.');
  const entries = [...value.entries.values()];
  return new Stream(entries.map((pair) => new Tuple(pair)).values());
}

function dictSort(run: Run, value: Value, args: Arguments): Value {
  if (!(value instanceof Dict)) return fail(`the filter dictsort takes a dict, not ${typeName(value)}`);
  const by = args.text('by', 'key');
  if (by !== 'key' && by !== 'value') fail('You can only sort by either "key" or "value"');
  const fold = isTrue(args.value('case_sensitive') ?? false) ? (one: Value): Value => one : ignoreCase;
  const key = ([name, item]: readonly [Value, Value]): Value => fold(by === 'key' ? name : item);
  const pairs = compareSort(run, [...value.entries.values()], key, isTrue(args.value('reverse') ?? false));
  return pairs.map((pair) => new Tuple(pair));
}

function sort(run: Run, value: Value, args: Arguments): Value[] {
  const get = attributesGetter(args.value('attribute') ?? null);
  const isCased = isTrue(args.value('case_sensitive') ?? false);
  const key = (item: Value): Value => (isCased ? get(item) : get(item).map(ignoreCase));
  return compareSort(run, listOf(run, value), key, isTrue(args.value('reverse') ?? false));
}

/** The value by which items are compared. */
function keyGetter(args: Arguments, otherwise: Value = null): (item: Value) => Value {
  const get = attributeGetter(args.value('attribute') ?? null, otherwise);
  return isTrue(args.value('case_sensitive') ?? false) ? get : (item) => ignoreCase(get(item));
}

function* uniqueItems(run: Run, value: Value, args: Arguments): Generator<Value> {
  const get = keyGetter(args);
  const seen = new Set<unknown>();
  for (const item of values(iterate(run, value))) {
    const key = keyOf(get(item));
    if (seen.has(key)) continue;
    seen.add(key);
    yield item;
  }
}

function extreme(run: Run, value: Value, args: Arguments, order: 'lt' | 'gt'): Value {
  const get = keyGetter(args);
  const [first, ...rest] = listOf(run, value);
  if (first === undefined) return new Undefined('No aggregated item, sequence was empty.');
  let best: Value = first;
  for (const item of rest) if (isOrdered(run, get(item), order, get(best))) best = item;
  return best;
}

function sum(run: Run, value: Value, args: Arguments): Value {
  const get = attributeGetter(args.value('attribute') ?? null);
  let total = args.or('start', 0n);
  if (textOf(total) !== undefined) fail("sum() can't sum strings");
  for (const item of values(iterate(run, value))) total = operate(run, '+', total, get(item));
  return total;
}

function groupBy(run: Run, value: Value, args: Arguments): Value[] {
  const otherwise = args.value('default') ?? null;
  const get = keyGetter(args, otherwise);
  const shown = attributeGetter(args.value('attribute') ?? null, otherwise);
  const groups: { readonly key: Value; readonly name: Value; readonly items: Value[] }[] = [];
  for (const item of compareSort(run, listOf(run, value), get)) {
    const key = get(item);
    const group = groups.at(-1);
    if (group !== undefined && equals(run, group.key, key)) group.items.push(item);
    else groups.push({ key, name: shown(item), items: [item] });
  }
  return groups.map(({ name, items }) => new Tuple([name, items], ['grouper', 'list']));
}
