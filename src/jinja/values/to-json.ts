import { fail } from '../fail.ts';
import type { Run } from '../run.ts';
import { compareSort } from './sort.ts';
import { deepest, floatText, intText } from './print.ts';
import { Dict, SafeText, Tuple, typeName, type Value } from './value.ts';

export interface JsonOptions {
  readonly ensureAscii: boolean;
  /** What one level is moved in by; undefined writes everything on one line. */
  readonly indent: string | undefined;
  readonly separators: readonly [item: string, key: string];
  readonly sortKeys: boolean;
}

/**
 * `json.dumps(value)`, as the `tojson` filter of chat templates calls it: no escaping for HTML, and characters beyond ASCII as they are.
 * @throws EspalierError TEMPLATE_FAILED for a value that JSON does not have
 */
export function toJson(run: Run, value: Value, options: JsonOptions): string {
  const parts: string[] = [];
  let length = 0;
  const write = (text: string): void => {
    run.spend();
    length += text.length;
    run.allow(length);
    parts.push(text);
  };
  writeValue({ run, write, options }, value, 0);
  return run.made(parts.join(''));
}

interface Writer {
  readonly run: Run;
  readonly write: (text: string) => void;
  readonly options: JsonOptions;
}

function writeValue(writer: Writer, value: Value, depth: number): void {
  if (depth > deepest) fail(`lists lie more than ${deepest} deep in one another`);
  const { write, options } = writer;
  if (Array.isArray(value)) return writeItems(writer, value, depth);
  if (value instanceof Tuple) return writeItems(writer, value.items, depth);
  if (value instanceof Dict) return writeEntries(writer, value, depth);
  if (typeof value === 'string') return write(jsonText(value, options.ensureAscii));
  if (value instanceof SafeText) return write(jsonText(value.text, options.ensureAscii));
  write(scalar(value) ?? fail(`Object of type ${typeName(value)} is not JSON serializable`));
}

function scalar(value: Value): string | undefined {
  if (value === null) return 'null';
  if (typeof value === 'boolean') return String(value);
  if (typeof value === 'bigint') return intText(value);
  if (typeof value !== 'number') return undefined;
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? 'Infinity' : '-Infinity';
  return floatText(value);
}

function writeItems(writer: Writer, items: readonly Value[], depth: number): void {
  const { write, options } = writer;
  if (items.length === 0) return write('[]');
  write('[');
  for (const [index, item] of items.entries()) {
    write(before(options, index, depth + 1));
    writeValue(writer, item, depth + 1);
  }
  write(`${newLine(options, depth)}]`);
}

function writeEntries(writer: Writer, dict: Dict, depth: number): void {
  const { run, write, options } = writer;
  const entries = [...dict.entries.values()];
  if (entries.length === 0) return write('{}');
  const ordered = options.sortKeys ? compareSort(run, entries, ([key]) => key) : entries;
  write('{');
  for (const [index, [key, value]] of ordered.entries()) {
    write(before(options, index, depth + 1) + jsonText(keyText(key), options.ensureAscii) + options.separators[1]);
    writeValue(writer, value, depth + 1);
  }
  write(`${newLine(options, depth)}}`);
}

function before(options: JsonOptions, index: number, depth: number): string {
  return (index === 0 ? '' : options.separators[0]) + newLine(options, depth);
}

function newLine({ indent }: JsonOptions, depth: number): string {
  return indent === undefined ? '' : `\n${indent.repeat(depth)}`;
}

function keyText(key: Value): string {
  if (typeof key === 'string') return key;
  if (key instanceof SafeText) return key.text;
  return scalar(key) ?? fail(`keys must be str, int, float, bool or None, not ${typeName(key)}`);
}

const short: Readonly<Record<string, string>> = {
  '"': '\\"',
  '\\': '\\\\',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\f': '\\f',
  '\b': '\\b',
};

function jsonText(text: string, ensureAscii: boolean): string {
  // eslint-disable-next-line no-control-regex
  const escapes = ensureAscii ? /["\\]|[^ -~]/g : /["\\\x00-\x1f]/g;
  const inside = text.replace(
    escapes,
    (unit) => short[unit] ?? `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
  return `"${inside}"`;
}
