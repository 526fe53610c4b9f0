import { fail } from '../fail.ts';
import type { Run } from '../run.ts';
import type { Arguments } from '../values/arguments.ts';
import { isTrue, textOf } from '../values/compare.ts';
import { escaped, escapeText } from '../values/escape.ts';
import { formatPercent } from '../values/format-percent.ts';
import { dictOf } from '../values/dict.ts';
import { toText } from '../values/print.ts';
import { iterate, like, values } from '../values/sequence.ts';
import * as texts from '../values/text.ts';
import { joinTexts, justified, replaceAll } from '../values/text-methods.ts';
import { Dict, SafeText, Tuple, typeName, type Value } from '../values/value.ts';
import { attributeGetter } from './attribute-getter.ts';
import { filter, type Filter } from './filter.ts';
import { wrapLine } from './wrap-text.ts';

/** A filter that changes a text, or the text of another value. A text that was marked safe stays so. */
function ofText(
  name: string,
  parameters: readonly string[],
  change: (text: string, args: Arguments, run: Run) => string,
): Filter {
  return filter(name, parameters, (run, value, args) => like(value, run.made(change(toText(value), args, run))));
}

export const textFilters: Readonly<Record<string, Filter>> = {
  capitalize: ofText('capitalize', [], (text) => texts.capitalize(text)),
  center: ofText('center', ['width?'], (text, args, run) => {
    return justified(run, { text, width: args.whole('width', 80), fill: ' ', side: 'center' });
  }),
  e: filter('e', [], (run, value) => new SafeText(run.made(escaped(value)))),
  escape: filter('escape', [], (run, value) => new SafeText(run.made(escaped(value)))),
  forceescape: filter('forceescape', [], (run, value) => new SafeText(run.made(escapeText(toText(value))))),
  format: (run, value, args, keywords) => {
    if (args.length > 0 && keywords.size > 0) fail('the filter format takes positional or keyword arguments, not both');
    const given = keywords.size > 0 ? dictOf(keywords) : new Tuple(args);
    return run.made(formatPercent(run, toText(value), given));
  },
  indent: filter('indent', ['width?', 'first?', 'blank?'], indent),
  join: filter('join', ['d?', 'attribute?'], join),
  lower: ofText('lower', [], (text) => text.toLowerCase()),
  replace: filter('replace', ['old', 'new', 'count?'], (run, value, args) => {
    const [old, now] = [toText(args.value('old') ?? null), toText(args.value('new') ?? null)];
    return run.made(replaceAll(run, toText(value), { old, now, most: args.optionalWhole('count') ?? -1 }));
  }),
  safe: filter('safe', [], (_, value) => new SafeText(toText(value))),
  string: filter('string', [], (run, value) => (textOf(value) === undefined ? run.made(toText(value)) : value)),
  title: ofText('title', [], titleOfWords),
  trim: ofText('trim', ['chars?'], (text, args) => {
    return texts.strip(text, args.optionalText('chars'), { left: true, right: true });
  }),
  truncate: filter('truncate', ['length?', 'killwords?', 'end?', 'leeway?'], truncate),
  upper: ofText('upper', [], (text) => text.toUpperCase()),
  urlencode: filter('urlencode', [], (run, value) => run.made(urlEncode(run, value))),
  wordwrap: filter('wordwrap', ['width?', 'break_long_words?', 'wrapstring?', 'break_on_hyphens?'], wordWrap),
  wordcount: filter('wordcount', [], (_, value) => BigInt(toText(value).match(/[\p{L}\p{N}_]+/gu)?.length ?? 0)),
};

function join(run: Run, value: Value, args: Arguments): string {
  const attribute = args.value('attribute') ?? null;
  const get = attribute === null ? (item: Value): Value => item : attributeGetter(attribute);
  const items = [...values(iterate(run, value))].map((item) => toText(get(item)));
  return run.made(joinTexts(run, toText(args.value('d') ?? ''), items));
}

function indent(run: Run, value: Value, args: Arguments): Value {
  const text = textOf(value) ?? fail(`the filter indent takes a text, not ${typeName(value)}`);
  const width = args.value('width') ?? 4n;
  const spaces = textOf(width) ?? ' '.repeat(Math.min(1000, Math.max(0, args.whole('width', 4))));
  const lines = texts.splitLines(`${text}\n`);
  run.allow(text.length + lines.length * (spaces.length + 1));
  const moved = lines.map((line, index) => {
    const isMoved = index > 0 && (isTrue(args.value('blank') ?? false) || line !== '');
    return isMoved ? spaces + line : line;
  });
  return like(value, run.made((isTrue(args.value('first') ?? false) ? spaces : '') + moved.join('\n')));
}

function wordWrap(run: Run, value: Value, args: Arguments): string {
  const text = textOf(value) ?? fail(`the filter wordwrap takes a text, not ${typeName(value)}`);
  run.spend(Math.ceil(text.length / 16));
  const options = {
    width: args.whole('width', 79),
    breakLongWords: isTrue(args.or('break_long_words', true)),
    breakOnHyphens: isTrue(args.or('break_on_hyphens', true)),
  };
  const end = args.optionalText('wrapstring') ?? '\n';
  const wrapped = texts.splitLines(text).map((line) => wrapLine(run, line, options));
  // WHY a line end for each line without a word, too: Python joins the lines of each paragraph, and then the paragraphs.
  return run.made(wrapped.map((lines) => joinTexts(run, end, lines)).join(end));
}

function truncate(run: Run, value: Value, args: Arguments): Value {
  const text = textOf(value) ?? fail(`the filter truncate takes a text, not ${typeName(value)}`);
  const [length, end, leeway] = [args.whole('length', 255), args.text('end', '...'), args.optionalWhole('leeway') ?? 5];
  const room = length - texts.lengthOf(end);
  if (room < 0 || leeway < 0) fail('the filter truncate takes a length of at least its end, and no negative leeway');
  if (texts.lengthOf(text) <= length + leeway) return value;
  const kept = text.slice(0, texts.unitIndex(text, room));
  const cut = isTrue(args.value('killwords') ?? false) ? kept : (texts.splitAt(kept, ' ', 1, true)[0] ?? '');
  return run.made(cut + end);
}

const wordBeginning = new RegExp(`([-${texts.spaces}({\\[<]+)`);

function titleOfWords(text: string): string {
  return text
    .split(wordBeginning)
    .map((word) => {
      const [first = '', ...rest] = texts.characters(word);
      return first.toUpperCase() + rest.join('').toLowerCase();
    })
    .join('');
}

function urlEncode(run: Run, value: Value): string {
  if (textOf(value) !== undefined || !(value instanceof Dict || Array.isArray(value))) return quote(value, '/');
  const pairs = value instanceof Dict ? [...value.entries.values()] : value.map((pair) => twoOf(run, pair));
  return pairs.map(([key, item]) => `${quote(key, '+')}=${quote(item, '+')}`).join('&');
}

function twoOf(run: Run, pair: Value): readonly [Value, Value] {
  const items = [...values(iterate(run, pair))];
  const [key = null, item = null] = items;
  return items.length === 2 ? [key, item] : fail('the filter urlencode takes pairs');
}

/** @param kept  "/" keeps slashes; "+" writes spaces so, as in a query */
function quote(value: Value, kept: '/' | '+'): string {
  const text = toText(value);
  if (/\p{Cs}/u.test(text)) fail('a text with half a character cannot be encoded');
  const encoded = encodeURIComponent(text).replace(
    /[!'()*]/g,
    (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return kept === '/' ? encoded.replaceAll('%2F', '/') : encoded.replaceAll('%20', '+');
}
