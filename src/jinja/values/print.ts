import { fail, unsupported } from '../fail.ts';
import { Dict, DictView, Namespace, Range, SafeText, Slice, Tuple, typeName, Undefined, type Value } from './value.ts';

/** How deep lists may lie in one another where they are printed. */
export const deepest = 200;

/** `str(value)`, which is what a template prints. */
export function toText(value: Value): string {
  if (typeof value === 'string') return value;
  if (value instanceof SafeText) return value.text;
  if (value instanceof Undefined) return '';
  return toRepr(value);
}

/** `repr(value)` */
export function toRepr(value: Value, depth = 0): string {
  if (depth > deepest) fail(`lists lie more than ${deepest} deep in one another`);
  const each = (values: readonly Value[]): string => values.map((one) => toRepr(one, depth + 1)).join(', ');
  if (value === null) return 'None';
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (typeof value === 'bigint') return intText(value);
  if (typeof value === 'number') return floatText(value);
  if (typeof value === 'string') return quoted(value);
  if (Array.isArray(value)) return `[${each(value)}]`;
  if (value instanceof Tuple) return value.items.length === 1 ? `(${each(value.items)},)` : `(${each(value.items)})`;
  if (value instanceof Dict) return dictRepr(value, depth);
  if (value instanceof SafeText) return `Markup(${quoted(value.text)})`;
  if (value instanceof Undefined) return 'Undefined';
  if (value instanceof Range) return rangeRepr(value);
  if (value instanceof DictView) return viewRepr(value, depth);
  if (value instanceof Namespace) return namespaceRepr(value, depth);
  if (value instanceof Slice) return `slice(${each([value.start, value.stop, value.step])})`;
  return unsupported(`the text of a ${typeName(value)}`);
}

function dictRepr(dict: Dict, depth: number): string {
  const pairs = [...dict.entries.values()].map(
    ([key, value]) => `${toRepr(key, depth + 1)}: ${toRepr(value, depth + 1)}`,
  );
  return `{${pairs.join(', ')}}`;
}

function rangeRepr({ start, stop, step }: Range): string {
  return step === 1n ? `range(${start}, ${stop})` : `range(${start}, ${stop}, ${step})`;
}

function viewRepr({ kind, dict }: DictView, depth: number): string {
  const entries = [...dict.entries.values()];
  const items: Value[] = entries.map(([key, value]) =>
    kind === 'items' ? new Tuple([key, value]) : kind === 'keys' ? key : value,
  );
  return `dict_${kind}(${toRepr(items, depth)})`;
}

function namespaceRepr({ attributes }: Namespace, depth: number): string {
  const pairs = [...attributes].map(([name, value]) => `${quoted(name)}: ${toRepr(value, depth + 1)}`);
  return `<Namespace {${pairs.join(', ')}}>`;
}

/** An int in decimal digits. Python refuses more than 4300 of them. */
export function intText(value: bigint): string {
  const text = value.toString();
  if (text.length > 4301) fail('an int has more than 4300 digits');
  return text;
}

/** A float as Python prints it: the shortest digits that give it back, with an exponent below 1e-4 and from 1e16 on. */
export function floatText(value: number): string {
  if (Number.isNaN(value)) return 'nan';
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf';
  if (Object.is(value, -0)) return '-0.0';
  const [mantissa = '', exponentText = '0'] = value.toExponential().split('e');
  const exponent = Number(exponentText);
  if (exponent < -4 || exponent >= 16) {
    const digits = String(Math.abs(exponent)).padStart(2, '0');
    return `${mantissa}e${exponent < 0 ? '-' : '+'}${digits}`;
  }
  const sign = value < 0 ? '-' : '';
  const digits = mantissa.replace('-', '').replace('.', '');
  if (exponent < 0) return `${sign}0.${'0'.repeat(-exponent - 1)}${digits}`;
  const whole = digits.slice(0, exponent + 1).padEnd(exponent + 1, '0');
  return `${sign}${whole}.${digits.slice(exponent + 1) || '0'}`;
}

const shortEscapes: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t', '\\': '\\\\' };
const unprintable = /[\p{C}\p{Z}\\']/gu;

/** A text as Python writes it in source: in single quotes, unless it has those and no double ones. */
export function quoted(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  const inside = text.replace(unprintable, (character) => {
    if (character === ' ') return ' ';
    if (character === "'") return quote === "'" ? "\\'" : "'";
    return shortEscapes[character] ?? codeEscape(character.codePointAt(0) ?? 0);
  });
  return quote + inside + quote;
}

function codeEscape(code: number): string {
  const hex = code.toString(16);
  if (code < 0x100) return `\\x${hex.padStart(2, '0')}`;
  return code < 0x10000 ? `\\u${hex.padStart(4, '0')}` : `\\U${hex.padStart(8, '0')}`;
}
