import { fail, unsupported } from '../fail.ts';
import type { Run } from '../run.ts';
import { compareSort } from '../values/sort.ts';
import { textOf } from '../values/compare.ts';
import { quoted, toRepr } from '../values/print.ts';
import { lengthOf, spaces, splitLines } from '../values/text.ts';
import { Dict, Tuple, type Value } from '../values/value.ts';

/** The width of a line of `pprint.pformat`. */
const lineWidth = 80;

interface Place {
  /** Characters before the value on its line. */
  readonly indent: number;
  /** Characters that follow it on its last line. */
  readonly allowance: number;
  /** Whether it is the value itself, and not a part of one. */
  readonly isOutermost?: boolean;
}

/** `pprint.pformat(value)` of Python: keys are sorted, and what is too long for a line is laid out over several. */
export function prettyPrinted(run: Run, value: Value): string {
  return laidOut(sorted(run, value), { indent: 0, allowance: 0, isOutermost: true });
}

/** The same value with the keys of all dicts sorted. */
function sorted(run: Run, value: Value, depth = 0): Value {
  run.spend();
  if (depth > 100) fail('lists lie more than 100 deep in one another');
  if (Array.isArray(value)) return value.map((one) => sorted(run, one, depth + 1));
  if (value instanceof Tuple) {
    const each = value.items.map((one) => sorted(run, one, depth + 1));
    return new Tuple(each, value.names);
  }
  if (!(value instanceof Dict)) return value;
  const keys = [...value.entries.values()].map(([key]) => key);
  const hasTexts = keys.every((key) => textOf(key) !== undefined);
  const hasInts = keys.every((key) => typeof key === 'bigint');
  if (!hasTexts && !hasInts) return unsupported('a dict with keys of several types in the filter pprint');
  const dict = new Dict();
  const entries = compareSort(run, [...value.entries], ([, [key]]) => key);
  for (const [id, [key, item]] of entries) dict.entries.set(id, [key, sorted(run, item, depth + 1)]);
  return dict;
}

function laidOut(value: Value, { indent, allowance, isOutermost = false }: Place): string {
  const short = toRepr(value);
  if (lengthOf(short) <= lineWidth - indent - allowance) return short;
  if (value instanceof Dict) return `{${dictItems(value, { indent: indent + 1, allowance: allowance + 1 })}}`;
  if (Array.isArray(value)) return `[${items(value, { indent: indent + 1, allowance: allowance + 1 })}]`;
  if (value instanceof Tuple) {
    const end = value.items.length === 1 ? ',)' : ')';
    return `(${items(value.items, { indent: indent + 1, allowance: allowance + end.length })}${end}`;
  }
  if (typeof value === 'string') return longText(value, { indent, allowance, isOutermost });
  return short;
}

const wordWithSpace = new RegExp(`[^${spaces}]+[${spaces}]*|[${spaces}]+`, 'g');

/** A text in parts of whole words, each quoted on a line of its own; by itself it stands in parentheses. */
function longText(text: string, { indent, allowance, isOutermost }: Required<Place>): string {
  const [column, after] = isOutermost ? [indent + 1, allowance + 1] : [indent, allowance];
  const lines = splitLines(text, true);
  const parts = lines.flatMap((line, index) => {
    const isLast = index === lines.length - 1;
    return partsOf(line, lineWidth - column, isLast ? after : 0);
  });
  const written = parts.join(`\n${' '.repeat(column)}`);
  return isOutermost && parts.length > 1 ? `(${written})` : written;
}

/** @param after  characters that follow the last part on its line */
function partsOf(line: string, width: number, after: number): string[] {
  if (lengthOf(quoted(line)) <= width - after) return [quoted(line)];
  const parts: string[] = [];
  let current = '';
  const words = line.match(wordWithSpace) ?? [];
  for (const [index, word] of words.entries()) {
    const room = index === words.length - 1 ? width - after : width;
    if (current !== '' && lengthOf(quoted(current + word)) > room) {
      parts.push(quoted(current));
      current = word;
    } else current += word;
  }
  return current === '' ? parts : [...parts, quoted(current)];
}

function dictItems(dict: Dict, place: Place): string {
  return lines([...dict.entries.values()], place, ([key, item], allowance) => {
    const name = `${toRepr(key)}: `;
    return name + laidOut(item, { indent: place.indent + lengthOf(name), allowance });
  });
}

function items(list: readonly Value[], place: Place): string {
  return lines(list, place, (item, allowance) => laidOut(item, { indent: place.indent, allowance }));
}

/** One item on each line. A comma follows each but the last, which is followed by what closes the list. */
function lines<Item>(
  list: readonly Item[],
  { indent, allowance }: Place,
  write: (item: Item, allowance: number) => string,
): string {
  const written = list.map((item, index) => write(item, index === list.length - 1 ? allowance : 1));
  return written.join(`,\n${' '.repeat(indent)}`);
}
