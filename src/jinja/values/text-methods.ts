import { fail, unsupported } from '../fail.ts';
import type { Run } from '../run.ts';
import { type Arguments, method } from './arguments.ts';
import { textOf } from './compare.ts';
import { getKey } from './dict.ts';
import { toText } from './print.ts';
import { drain, iterate } from './sequence.ts';
import * as texts from './text.ts';
import { textTest } from './text-tests.ts';
import { Dict, Tuple, typeName, type Value } from './value.ts';

type TextMethod = readonly [parameters: readonly string[], body: (text: string, args: Arguments, run: Run) => Value];

const both = { left: true, right: true };
const onlyLeft = { left: true, right: false };
const onlyRight = { left: false, right: true };

const span = ['start?', 'end?'];

const methods: Readonly<Record<string, TextMethod>> = {
  capitalize: [[], (text) => texts.capitalize(text)],
  casefold: [[], (text) => text.toUpperCase().toLowerCase()],
  center: [['width', 'fillchar?'], (text, args, run) => justify(run, text, args, 'center')],
  count: [['sub', ...span], (text, args, run) => within(text, args, (part, sub) => counted(run, part, sub))],
  endswith: [['suffix', ...span], (text, args) => anyAffix(text, args, 'suffix')],
  expandtabs: [['tabsize?'], (text, args, run) => tabs(run, text, args.whole('tabsize', 8))],
  find: [['sub', ...span], (text, args, run) => find(run, text, args, false) ?? -1n],
  index: [['sub', ...span], (text, args, run) => find(run, text, args, false) ?? fail('substring not found')],
  join: [['iterable'], (text, args, run) => joined(run, text, args.value('iterable') ?? null)],
  ljust: [['width', 'fillchar?'], (text, args, run) => justify(run, text, args, 'left')],
  lower: [[], (text) => text.toLowerCase()],
  lstrip: [['chars?'], (text, args) => texts.strip(text, args.optionalText('chars'), onlyLeft)],
  partition: [['sep'], (text, args, run) => partition(run, text, args.text('sep'), false)],
  removeprefix: [['prefix'], (text, args) => withoutPrefix(text, args.text('prefix'))],
  removesuffix: [['suffix'], (text, args) => withoutSuffix(text, args.text('suffix'))],
  replace: [['old', 'new', 'count?'], (text, args, run) => replaced(run, text, args)],
  rfind: [['sub', ...span], (text, args, run) => find(run, text, args, true) ?? -1n],
  rindex: [['sub', ...span], (text, args, run) => find(run, text, args, true) ?? fail('substring not found')],
  rjust: [['width', 'fillchar?'], (text, args, run) => justify(run, text, args, 'right')],
  rpartition: [['sep'], (text, args, run) => partition(run, text, args.text('sep'), true)],
  rsplit: [['sep?', 'maxsplit?'], (text, args, run) => split(run, text, args, true)],
  rstrip: [['chars?'], (text, args) => texts.strip(text, args.optionalText('chars'), onlyRight)],
  split: [['sep?', 'maxsplit?'], (text, args, run) => split(run, text, args, false)],
  splitlines: [['keepends?'], (text, args, run) => lines(run, text, args.value('keepends') === true)],
  startswith: [['prefix', ...span], (text, args) => anyAffix(text, args, 'prefix')],
  strip: [['chars?'], (text, args) => texts.strip(text, args.optionalText('chars'), both)],
  swapcase: [[], (text) => texts.swapCase(text)],
  title: [[], (text) => texts.titleCase(text)],
  translate: [['table'], (text, args) => translate(text, args.value('table') ?? null)],
  upper: [[], (text) => text.toUpperCase()],
  zfill: [['width'], (text, args, run) => zeroFilled(run, text, args.whole('width'))],
};

/** A method of a text. @returns undefined for a name that no text has */
export function textMethod(text: string, name: string): Value | undefined {
  if (name === 'encode' || name === 'maketrans' || name === 'format_map') return unsupported(`str.${name}`);
  const test = textTest(name);
  if (test !== undefined) return method(name, [], () => test(text));
  if (!Object.hasOwn(methods, name)) return undefined;
  const [parameters, body] = methods[name] ?? [[], () => null];
  return method(name, parameters, (run, args) => {
    const result = body(text, args, run);
    return typeof result === 'string' ? run.made(result) : result;
  });
}

function justify(run: Run, text: string, args: Arguments, side: 'left' | 'right' | 'center'): string {
  const width = args.whole('width');
  const fill = args.text('fillchar', ' ');
  if (texts.lengthOf(fill) !== 1) fail('The fill character must be exactly one character long');
  return justified(run, { text, width, fill, side });
}

/** `ljust`, `rjust` and `center` */
export function justified(
  run: Run,
  {
    text,
    width,
    fill,
    side,
  }: { readonly text: string; readonly width: number; readonly fill: string; readonly side: string },
): string {
  run.allow(width);
  const room = Math.max(0, width - texts.lengthOf(text));
  // WHY: the odd space goes to the left if the width is odd, as in CPython.
  const half = Math.floor(room / 2) + (room & width & 1);
  const left = side === 'left' ? 0 : side === 'right' ? room : half;
  return fill.repeat(left) + text + fill.repeat(room - left);
}

/** Applies to `text[start:end]`. */
function within(text: string, args: Arguments, body: (part: string, sub: string) => Value): Value {
  return body(cut(text, args).part, args.text('sub'));
}

function cut(
  text: string,
  args: Arguments,
): { readonly part: string; readonly start: number; readonly isEmpty: boolean } {
  const [from, to] = [args.optionalWhole('start'), args.optionalWhole('end')];
  if (from === undefined && to === undefined) return { part: text, start: 0, isEmpty: false };
  const length = texts.lengthOf(text);
  const clip = (index: number): number => Math.max(0, index < 0 ? index + length : index);
  const [start, end] = [clip(from ?? 0), Math.min(clip(to ?? length), length)];
  const part = text.slice(texts.unitIndex(text, start), texts.unitIndex(text, Math.max(start, end)));
  return { part, start, isEmpty: start > end };
}

function counted(run: Run, text: string, sub: string): bigint {
  run.spendSearch(text, sub);
  return BigInt(texts.countOf(text, sub));
}

/** @returns undefined where it is not there */
function find(run: Run, text: string, args: Arguments, last: boolean): bigint | undefined {
  const { part, start, isEmpty } = cut(text, args);
  const sub = args.text('sub');
  run.spendSearch(part, sub);
  const at = last ? part.lastIndexOf(sub) : part.indexOf(sub);
  return at < 0 || isEmpty ? undefined : BigInt(start + texts.characterIndex(part, at));
}

function anyAffix(text: string, args: Arguments, name: 'prefix' | 'suffix'): boolean {
  const given = args.value(name) ?? null;
  const { part, isEmpty } = cut(text, args);
  const affixes = given instanceof Tuple ? given.items : [given];
  return affixes.some((affix) => {
    const sought = textOf(affix) ?? fail(`a ${name} must be str or a tuple of str, not ${typeName(affix)}`);
    return !isEmpty && (name === 'prefix' ? part.startsWith(sought) : part.endsWith(sought));
  });
}

function tabs(run: Run, text: string, size: number): string {
  run.allow(text.length + texts.countOf(text, '\t') * Math.max(0, size));
  return texts.expandTabs(text, size);
}

function joined(run: Run, separator: string, values: Value): string {
  const items = drain(iterate(run, values)).map((item, index) => {
    return textOf(item) ?? fail(`sequence item ${index}: expected str instance, ${typeName(item)} found`);
  });
  return joinTexts(run, separator, items);
}

/** `separator.join(items)`, refused before it is too long. */
export function joinTexts(run: Run, separator: string, items: readonly string[]): string {
  run.allow(items.reduce((sum, item) => sum + item.length + separator.length, 0));
  return items.join(separator);
}

function partition(run: Run, text: string, separator: string, last: boolean): Tuple {
  if (separator === '') fail('empty separator');
  run.spendSearch(text, separator);
  const at = last ? text.lastIndexOf(separator) : text.indexOf(separator);
  if (at < 0) return new Tuple(last ? ['', '', text] : [text, '', '']);
  return new Tuple([text.slice(0, at), separator, text.slice(at + separator.length)]);
}

function withoutPrefix(text: string, prefix: string): string {
  return text.startsWith(prefix) ? text.slice(prefix.length) : text;
}

function withoutSuffix(text: string, suffix: string): string {
  return suffix !== '' && text.endsWith(suffix) ? text.slice(0, -suffix.length) : text;
}

function replaced(run: Run, text: string, args: Arguments): string {
  return replaceAll(run, text, { old: args.text('old'), now: args.text('new'), most: args.whole('count', -1) });
}

/** `replace`, refused before it is too long. */
export function replaceAll(
  run: Run,
  text: string,
  { old, now, most }: { readonly old: string; readonly now: string; readonly most: number },
): string {
  run.spendSearch(text, old);
  const times = texts.countOf(text, old);
  run.allow(text.length + (most < 0 ? times : Math.min(times, most)) * now.length);
  return texts.replace(text, old, now, most);
}

function split(run: Run, text: string, args: Arguments, fromRight: boolean): Value[] {
  const separator = args.optionalText('sep');
  const most = args.whole('maxsplit', -1);
  if (separator === '') fail('empty separator');
  if (separator !== undefined) run.spendSearch(text, separator);
  const parts =
    separator === undefined
      ? texts.splitAtSpaces(text, most, fromRight)
      : texts.splitAt(text, separator, most, fromRight);
  run.spend(parts.length);
  run.made(text);
  return parts;
}

function lines(run: Run, text: string, keepEnds: boolean): Value[] {
  const parts = texts.splitLines(text, keepEnds);
  run.spend(parts.length);
  run.made(text);
  return parts;
}

function translate(text: string, table: Value): string {
  if (!(table instanceof Dict)) return unsupported('str.translate with anything but a dict');
  return texts
    .characters(text)
    .map((letter) => {
      const found = getKey(table, BigInt(letter.codePointAt(0) ?? 0));
      if (found === undefined) return letter;
      return typeof found === 'bigint' ? String.fromCodePoint(Number(found)) : found === null ? '' : toText(found);
    })
    .join('');
}

function zeroFilled(run: Run, text: string, width: number): string {
  run.allow(width);
  const sign = /^[+-]/.exec(text)?.[0] ?? '';
  return sign + '0'.repeat(Math.max(0, width - texts.lengthOf(text))) + text.slice(sign.length);
}
