import { fail, unsupported } from '../fail.ts';
import type { Run } from '../run.ts';
import { formatWith } from './format-spec.ts';
import { toRepr, toText } from './print.ts';
import type { Keywords, Value } from './value.ts';

/** How a field reads what its name asks for after the first part, `{a.b[c]}`. */
export interface Reader {
  attribute(value: Value, name: string): Value;
  item(value: Value, key: Value): Value;
}

interface Arguments {
  readonly run: Run;
  readonly read: Reader;
  readonly args: readonly Value[];
  readonly keywords: Keywords;
  /** The number of the next `{}`; -1 once fields are numbered by hand. */
  next: number;
}

/** `text.format(*args, **keywords)` @throws EspalierError TEMPLATE_FAILED where Python raises */
export function formatFields(
  text: string,
  given: { readonly run: Run; readonly read: Reader; readonly args: readonly Value[]; readonly keywords: Keywords },
): string {
  return fill(text, { ...given, next: 0 }, 0);
}

function fill(text: string, given: Arguments, depth: number): string {
  if (depth > 2) fail('Max string recursion exceeded');
  const parts: string[] = [];
  let at = 0;
  while (at < text.length) {
    const found = /[{}]/g;
    found.lastIndex = at;
    const brace = found.exec(text);
    if (brace === null) break;
    parts.push(text.slice(at, brace.index));
    if (text.charAt(brace.index + 1) === brace[0]) {
      parts.push(brace[0]);
      at = brace.index + 2;
      continue;
    }
    if (brace[0] === '}') fail("Single '}' encountered in format string");
    const end = closing(text, brace.index);
    parts.push(field(text.slice(brace.index + 1, end), given, depth));
    at = end + 1;
    given.run.allow(parts.reduce((sum, part) => sum + part.length, 0));
  }
  parts.push(text.slice(at));
  return given.run.made(parts.join(''));
}

function closing(text: string, open: number): number {
  let level = 0;
  for (let i = open; i < text.length; i += 1) {
    if (text.charAt(i) === '{') level += 1;
    if (text.charAt(i) === '}') level -= 1;
    if (level === 0) return i;
  }
  return fail("expected '}' before end of string");
}

function field(text: string, given: Arguments, depth: number): string {
  const [, path = '', conversion, spec = ''] = /^([^!:]*(?:\[[^\]]*\][^!:]*)*)(?:!(.))?(?::(.*))?$/su.exec(text) ?? [];
  if (path === '' && !/^(?:!.)?(?::|$)/su.test(text)) fail(`the field {${text}} cannot be read`);
  const value = converted(valueAt(path, given), conversion);
  return formatWith(value, fill(spec, given, depth + 1));
}

function converted(value: Value, conversion: string | undefined): Value {
  if (conversion === undefined) return value;
  if (conversion === 's') return toText(value);
  return conversion === 'r' ? toRepr(value) : unsupported(`the conversion !${conversion}`);
}

function valueAt(path: string, given: Arguments): Value {
  const [first = ''] = /^[^.[]*/.exec(path) ?? [];
  let value = firstValue(first, given);
  const rest = path.slice(first.length);
  const step = /\.([^.[]+)|\[([^\]]+)\]/y;
  while (step.lastIndex < rest.length) {
    const found = step.exec(rest);
    if (found === null) return fail('the name of a field in a format string cannot be read');
    const [, attribute, item = ''] = found;
    value =
      attribute === undefined
        ? given.read.item(value, /^\d+$/.test(item) ? BigInt(item) : item)
        : given.read.attribute(value, attribute);
  }
  return value;
}

function firstValue(name: string, given: Arguments): Value {
  const isNumber = /^\d+$/.test(name);
  if (name !== '' && !isNumber) return given.keywords.get(name) ?? missing(given.keywords, name);
  if ((name === '' && given.next < 0) || (isNumber && given.next > 0)) {
    fail('cannot switch between automatic field numbering and manual field specification');
  }
  const index = isNumber ? Number(name) : given.next;
  given.next = isNumber ? -1 : given.next + 1;
  if (index >= given.args.length) fail('Replacement index out of range for positional args tuple');
  return given.args[index] ?? null;
}

function missing(keywords: Keywords, name: string): Value {
  return keywords.has(name) ? null : fail(`KeyError: '${name}'`);
}
