import { fail } from '../fail.ts';
import type { Run } from '../run.ts';
import { equals, isHashable, keyOf, textOf } from './compare.ts';
import { characters, isNarrow, lengthOf, unitIndex } from './text.ts';
import {
  Dict,
  DictView,
  Native,
  Range,
  SafeText,
  Slice,
  Stream,
  Tuple,
  typeName,
  Undefined,
  type Value,
} from './value.ts';

/**
 * `iter(value)`: counts a step for each item.
 * @throws EspalierError TEMPLATE_FAILED for a value without items
 */
export function iterate(run: Run, value: Value): Iterator<Value> {
  const iterator = iteratorOf(value);
  if (iterator === undefined) return fail(`'${typeName(value)}' object is not iterable`);
  return {
    next(): IteratorResult<Value> {
      run.spend();
      return iterator.next();
    },
  };
}

export function isIterable(value: Value): boolean {
  return iteratorOf(value) !== undefined;
}

function iteratorOf(value: Value): Iterator<Value> | undefined {
  if (Array.isArray(value)) return value.values();
  if (value instanceof Tuple) return value.items.values();
  if (value instanceof Dict) return keysOf(value);
  if (value instanceof DictView) return viewItems(value);
  if (value instanceof Stream) return value.iterator;
  if (value instanceof Range) return rangeItems(value);
  if (value instanceof Undefined) return [].values();
  const text = textOf(value);
  return text === undefined ? undefined : text[Symbol.iterator]();
}

function* keysOf(dict: Dict): Iterator<Value> {
  for (const [key] of dict.entries.values()) yield key;
}

function* viewItems({ kind, dict }: DictView): Iterator<Value> {
  for (const [key, value] of dict.entries.values()) {
    yield kind === 'keys' ? key : kind === 'values' ? value : new Tuple([key, value]);
  }
}

function* rangeItems(range: Range): Iterator<Value> {
  for (let i = 0; i < range.length; i += 1) yield range.at(i);
}

/** `list(value)` */
export function listOf(run: Run, value: Value): Value[] {
  return drain(iterate(run, value));
}

export function drain(iterator: Iterator<Value>): Value[] {
  const items: Value[] = [];
  for (let next = iterator.next(); next.done !== true; next = iterator.next()) items.push(next.value);
  return items;
}

/** The values of an iterator, one by one. */
export function* values(iterator: Iterator<Value>): Generator<Value> {
  for (let next = iterator.next(); next.done !== true; next = iterator.next()) yield next.value;
}

/** `len(value)`; undefined for a value that has none. */
export function sizeOf(value: Value): number | undefined {
  if (Array.isArray(value)) return value.length;
  if (value instanceof Tuple) return value.items.length;
  if (value instanceof Dict) return value.entries.size;
  if (value instanceof DictView) return value.dict.entries.size;
  if (value instanceof Range) return value.length;
  if (value instanceof Undefined) return 0;
  if (value instanceof Native) return value.length?.();
  const text = textOf(value);
  return text === undefined ? undefined : lengthOf(text);
}

/** `item in value` */
export function contains(run: Run, value: Value, item: Value): boolean {
  const text = textOf(value);
  if (text !== undefined) {
    const sought = textOf(item);
    if (sought === undefined) {
      return fail(`'in <string>' requires string as left operand, not ${typeName(item)}`);
    }
    run.spendSearch(text, sought);
    return text.includes(sought);
  }
  if (value instanceof Dict) return value.entries.has(keyOf(item));
  if (value instanceof DictView && value.kind === 'keys') return value.dict.entries.has(keyOf(item));
  if (!isIterable(value)) return fail(`argument of type '${typeName(value)}' is not iterable`);
  const items = iterate(run, value);
  for (let next = items.next(); next.done !== true; next = items.next()) {
    if (equals(run, next.value, item)) return true;
  }
  return false;
}

/** `value[key]`, without attributes. @returns undefined where Python raises a TypeError, IndexError or KeyError */
export function itemOf(value: Value, key: Value): Value | undefined {
  if (value instanceof Dict) return isHashable(key) ? value.entries.get(keyOf(key))?.[1] : undefined;
  if (key instanceof Slice) return sliceOf(value, key);
  const index = typeof key === 'boolean' ? BigInt(key) : key;
  if (typeof index !== 'bigint') return undefined;
  if (Array.isArray(value)) return value[place(index, value.length)];
  if (value instanceof Tuple) return value.items[place(index, value.items.length)];
  if (value instanceof Range) {
    const at = place(index, value.length);
    return at < 0 ? undefined : value.at(at);
  }
  const text = textOf(value);
  return text === undefined ? undefined : characterAt(value, text, index);
}

function characterAt(value: Value, text: string, index: bigint): Value | undefined {
  const at = place(index, lengthOf(text));
  if (at < 0) return undefined;
  const unit = unitIndex(text, at);
  return like(value, String.fromCodePoint(text.codePointAt(unit) ?? 0));
}

/** @returns -1 for an index outside */
function place(index: bigint, length: number): number {
  const at = Number(index < 0n ? index + BigInt(length) : index);
  return at >= 0 && at < length ? at : -1;
}

/** Text made of a text: safe if that was. */
export function like(value: Value, text: string): Value {
  return value instanceof SafeText ? new SafeText(text) : text;
}

function sliceOf(value: Value, slice: Slice): Value | undefined {
  const text = textOf(value);
  if (text !== undefined) {
    const length = lengthOf(text);
    const bounds = boundsOf(slice, length);
    if (bounds === undefined) return undefined;
    const { start, stop, step } = bounds;
    if (step === 1 && isNarrow(text)) return like(value, text.slice(start, Math.max(start, stop)));
    return like(value, pick(characters(text), bounds).join(''));
  }
  const items = Array.isArray(value) ? value : value instanceof Tuple ? value.items : undefined;
  if (items !== undefined) {
    const bounds = boundsOf(slice, items.length);
    if (bounds === undefined) return undefined;
    const picked = pick(items, bounds);
    return value instanceof Tuple ? new Tuple(picked) : picked;
  }
  return value instanceof Range ? sliceOfRange(value, slice) : undefined;
}

function sliceOfRange(range: Range, slice: Slice): Range | undefined {
  const bounds = boundsOf(slice, range.length);
  if (bounds === undefined) return undefined;
  return new Range(range.at(bounds.start), range.at(bounds.stop), range.step * BigInt(bounds.step));
}

interface Bounds {
  readonly start: number;
  readonly stop: number;
  readonly step: number;
}

/** The bounds of a slice of `length` items, by the rules of Python's `slice.indices`. */
function boundsOf({ start, stop, step }: Slice, length: number): Bounds | undefined {
  const stride = step === null ? 1 : whole(step);
  const [from, to] = [start === null ? null : whole(start), stop === null ? null : whole(stop)];
  if (stride === undefined || from === undefined || to === undefined) return undefined;
  if (stride === 0) return fail('slice step cannot be zero');
  const [lowest, highest] = stride < 0 ? [-1, length - 1] : [0, length];
  const clip = (index: number): number => Math.min(Math.max(index < 0 ? index + length : index, lowest), highest);
  return {
    start: from === null ? (stride < 0 ? highest : lowest) : clip(from),
    stop: to === null ? (stride < 0 ? lowest : highest) : clip(to),
    step: stride,
  };
}

/** An int as an index, within what a sequence can have. */
function whole(value: Value): number | undefined {
  if (typeof value === 'boolean') return Number(value);
  if (typeof value !== 'bigint') return undefined;
  const limit = 2n ** 40n;
  return Number(value > limit ? limit : value < -limit ? -limit : value);
}

function pick<Item>(items: readonly Item[], { start, stop, step }: Bounds): Item[] {
  if (step === 1) return items.slice(start, Math.max(start, stop));
  const picked: Item[] = [];
  for (let i = start; step > 0 ? i < stop : i > stop; i += step) {
    const item = items[i];
    if (item !== undefined) picked.push(item);
  }
  return picked;
}
