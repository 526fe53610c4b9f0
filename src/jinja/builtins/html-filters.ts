import { fail, unsupported } from '../fail.ts';
import type { Run } from '../run.ts';
import type { Arguments } from '../values/arguments.ts';
import { isTrue, textOf } from '../values/compare.ts';
import { escaped } from '../values/escape.ts';
import { toText } from '../values/print.ts';
import { iterate, values } from '../values/sequence.ts';
import * as texts from '../values/text.ts';
import { Dict, typeName, Undefined, type Value } from '../values/value.ts';
import { filter, type Filter } from './filter.ts';

/** The filters of Jinja2 that read or write HTML. */
export const htmlFilters: Readonly<Record<string, Filter>> = {
  striptags: filter('striptags', [], (run, value) => run.made(stripTags(run, toText(value)))),
  urlize: filter('urlize', ['trim_url_limit?', 'nofollow?', 'target?', 'rel?', 'extra_schemes?'], urlize),
  xmlattr: filter('xmlattr', ['autospace?'], xmlAttributes),
};

function xmlAttributes(run: Run, value: Value, args: Arguments): string {
  if (!(value instanceof Dict)) return fail(`'${typeName(value)}' object has no attribute 'items'`);
  const written = [...value.entries.values()].flatMap(([key, item]) => {
    if (item === null || item instanceof Undefined) return [];
    const name = textOf(key) ?? fail(`a name of xmlattr must be str, not ${typeName(key)}`);
    if (/[ \t\n\r\f\v/>=]/.test(name)) fail(`a name of xmlattr has a character that ends a name`);
    return [`${escaped(key)}="${escaped(item)}"`];
  });
  const text = written.join(' ');
  return run.made(text !== '' && isTrue(args.or('autospace', true)) ? ` ${text}` : text);
}

const entities: Readonly<Record<string, string>> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  '#34': '"',
  '#39': "'",
};

/** WHY a search for each end: a part that is taken out may bring a "<" and a ">" together. */
function stripTags(run: Run, text: string): string {
  const without = cutOut(run, cutOut(run, text, '<!--', '-->'), '<', '>');
  const plain = texts.splitAtSpaces(without, -1, false).join(' ');
  return plain.replace(/&(#?\w+)(;?)/g, (_, name: string, end: string) => {
    const character = end === ';' && Object.hasOwn(entities, name) ? entities[name] : undefined;
    return character ?? unsupported(`the entity &${name}${end} in the filter striptags`);
  });
}

function cutOut(run: Run, text: string, begin: string, end: string): string {
  let rest = text;
  for (let from = rest.indexOf(begin); from >= 0; from = rest.indexOf(begin)) {
    const to = rest.indexOf(end, from);
    if (to < 0) break;
    run.spend(1 + Math.ceil(rest.length / 256));
    rest = rest.slice(0, from) + rest.slice(to + end.length);
  }
  return rest;
}

const letter = String.raw`[\p{L}\p{N}_]`;
const digit = String.raw`\p{Nd}`;
const named = `(?:https?://|www\\.)(?:(?:${letter}|[%-])+\\.)*(?:[a-z]{2,63}|xn--(?:${letter}|%){2,59})`;
const plainDomain = `(?:(?:${letter}|[%-]){2,63}\\.)+(?:com|net|int|edu|gov|org|info|mil)`;
const byNumber = `https?://(?:${digit}{1,3}(?:\\.${digit}{1,3}){3}|\\[(?:(?:${digit}|[a-f]){0,4}:){2}(?:(?:${digit}|[a-f]){0,4}:?){1,6}\\])`;
const address = new RegExp(
  `^(?:${named}|${plainDomain}|${byNumber})(?::${digit}{1,5})?(?:[/?#][^${texts.spaces}]*)?$`,
  'iu',
);
const email = new RegExp(`^[^${texts.spaces}]+@${letter}(?:${letter}|[.-])*\\.${letter}+$`, 'u');
const scheme = new RegExp(`^(?:${letter}|[.+-]){2,}:/{0,2}$`, 'u');
const opening = /^(?:[(<]|&lt;)+/;
const closing = /(?:[)>.,\n]|&gt;)+$/;
const white = new RegExp(`([${texts.spaces}]+)`);
/** A word for which the patterns above could take long. */
const longestWord = 1024;

function urlize(run: Run, value: Value, args: Arguments): string {
  const limit = args.optionalWhole('trim_url_limit');
  const rel = new Set(texts.splitAtSpaces(args.optionalText('rel') ?? '', -1, false));
  if (isTrue(args.or('nofollow', false))) rel.add('nofollow');
  rel.add('noopener');
  const target = args.optionalText('target') ?? '';
  const attributes = ` rel="${escaped([...rel].toSorted().join(' '))}"${target === '' ? '' : ` target="${escaped(target)}"`}`;
  const shown = (link: string): string =>
    limit !== undefined && texts.lengthOf(link) > limit
      ? `${link.slice(0, texts.unitIndex(link, Math.max(0, limit)))}...`
      : link;
  const schemes = schemesOf(run, args.or('extra_schemes', null));
  const words = escaped(value).split(white);
  return run.made(words.map((word) => linked(run, word, { attributes, shown, schemes })).join(''));
}

function schemesOf(run: Run, value: Value): string[] {
  const given = value === null ? [] : [...values(iterate(run, value))].map((one) => toText(one));
  const wrong = given.find((one) => !scheme.test(one));
  return wrong === undefined ? given : fail(`${wrong} is not a valid URI scheme prefix.`);
}

interface Link {
  readonly attributes: string;
  readonly shown: (link: string) => string;
  readonly schemes: readonly string[];
}

function linked(run: Run, word: string, link: Link): string {
  if (word.length > longestWord) unsupported(`a word of more than ${longestWord} characters in the filter urlize`);
  run.spend(1 + Math.ceil(word.length ** 2 / 256));
  const head = opening.exec(word)?.[0] ?? '';
  const behind = word.slice(head.length);
  const cut = closing.exec(behind)?.index ?? behind.length;
  let [middle, tail] = [behind.slice(0, cut), behind.slice(cut)];
  for (const [open, close] of brackets) {
    const opened = texts.countOf(middle, open);
    if (opened <= texts.countOf(middle, close)) continue;
    for (let moved = Math.min(opened, texts.countOf(tail, close)); moved > 0; moved--) {
      const end = tail.indexOf(close) + close.length;
      [middle, tail] = [middle + tail.slice(0, end), tail.slice(end)];
    }
  }
  return head + anchor(middle, link) + tail;
}

const brackets = [
  ['(', ')'],
  ['<', '>'],
  ['&lt;', '&gt;'],
] as const;

function anchor(text: string, { attributes, shown, schemes }: Link): string {
  if (address.test(text)) {
    const href = /^https?:\/\//.test(text) ? text : `https://${text}`;
    return `<a href="${href}"${attributes}>${shown(text)}</a>`;
  }
  if (text.startsWith('mailto:') && email.test(text.slice(7))) return `<a href="${text}">${text.slice(7)}</a>`;
  const isAddress = !text.startsWith('www.') && !text.startsWith('@') && !text.includes(':');
  if (isAddress && email.test(text)) return `<a href="mailto:${text}">${text}</a>`;
  return schemes.reduce(
    (made, one) => (made !== one && made.startsWith(one) ? `<a href="${made}"${attributes}>${made}</a>` : made),
    text,
  );
}
