import type { AnswerSource, Reading } from './answer-source.ts';
import { type CallOptions, readCalls, readName } from './call-options.ts';
import type { LooseCall } from './call-form.ts';
import { jsonOfWord, JsonText } from './json-text.ts';

/**
 * Takes a call, or a list of calls, whose arguments are written as a programming language has them, and writes these as JSON.
 * @returns false where what comes is no call; nothing was added to the parts then
 */
export function* readLoose(form: LooseCall, options: CallOptions): Reading<boolean> {
  yield* options.source.space();
  return yield* form.isList ? readCalls(options, () => readOne(form, options)) : readOne(form, options);
}

function* readOne(form: LooseCall, { source, parts, tools, isStrict }: CallOptions): Reading<boolean> {
  const name = yield* readName(source);
  if (name === '' || (isStrict && !tools.has(name)) || !(yield* source.takes(form.open))) return false;
  const close = form.open === '(' ? ')' : '}';
  yield* source.space();
  if (yield* source.takes(close)) {
    parts.call(name);
    parts.arguments('{}');
    return true;
  }
  // WHY before the call is told: what has no keys, as words in brackets, is no call.
  let key = yield* readKey(form, source);
  if (key === undefined) return false;
  parts.call(name);
  source.record();
  const value = new LooseValue(form, source, (json) => parts.arguments(json));
  for (let before = '{'; key !== undefined; before = ', ') {
    parts.arguments(`${before}${JSON.stringify(key)}: `);
    // WHY without a bracket: the arguments of an answer that was cut off are cut off, too.
    if (!(yield* value.read(tools.isText(name, key) === true))) return true;
    yield* source.space();
    const hasMore = yield* source.takes(',');
    yield* source.space();
    if (yield* source.takes(close)) {
      parts.arguments('}');
      return true;
    }
    key = hasMore ? yield* readKey(form, source) : undefined;
  }
  return true;
}

/** Many times the longest key. */
const longestKey = 256;

/** A key with the mark behind it, with or without quotes. undefined: none comes */
function* readKey({ pair, quote }: LooseCall, source: AnswerSource): Reading<string | undefined> {
  yield* source.space();
  const quoted = yield* takesQuote(source, quote);
  let key = '';
  while (key.length < longestKey) {
    if (quoted !== undefined && (yield* source.takes(quoted))) break;
    const unit = yield* source.peek();
    if (unit === undefined || (quoted === undefined && !/[\p{L}\p{N}_.-]/u.test(unit))) break;
    key += unit;
    source.skip();
  }
  yield* source.space();
  return key !== '' && ((yield* source.takes(pair)) || (yield* source.takes(':'))) ? key : undefined;
}

function* takesQuote(source: AnswerSource, quote: string): Reading<string | undefined> {
  for (const each of new Set([quote, '"', "'"])) if (yield* source.takes(each)) return each;
  return undefined;
}

/** Values within values. A model that writes more of them writes no arguments. */
const deepest = 64;

/** Reads values and writes them as JSON. */
class LooseValue {
  readonly #form: LooseCall;
  readonly #source: AnswerSource;
  readonly #write: (json: string) => void;

  constructor(form: LooseCall, source: AnswerSource, write: (json: string) => void) {
    this.#form = form;
    this.#source = source;
    this.#write = write;
  }

  /**
   * @param isText  whether a word without quotes is a text
   * @returns false if the text ends within the value, or none comes
   */
  *read(isText: boolean, depth = 0): Reading<boolean> {
    const source = this.#source;
    yield* source.space();
    const quote = yield* takesQuote(source, this.#form.quote);
    if (quote !== undefined) return yield* this.#text(quote);
    const unit = yield* source.peek();
    if (unit === '{') return depth < deepest && (yield* this.#fields(depth + 1));
    if (unit === '[' || unit === '(')
      return depth < deepest && (yield* this.#list(unit === '[' ? ']' : ')', depth + 1));
    return yield* this.#word(isText);
  }

  *#text(quote: string): Reading<boolean> {
    const source = this.#source;
    const hasEscapes = quote.length === 1;
    let end = quote;
    if (hasEscapes && (yield* source.takes(quote))) {
      if (!(yield* source.takes(quote))) {
        this.#write('""');
        return true;
      }
      end = quote.repeat(3);
    }
    const text = new JsonText(this.#write);
    for (;;) {
      if (yield* source.takes(end)) break;
      const unit = yield* source.peek();
      if (unit === undefined) return false;
      source.skip();
      if (unit === '\\' && hasEscapes) yield* readEscape(source, text);
      else text.add(unit);
    }
    text.end();
    return true;
  }

  *#fields(depth: number): Reading<boolean> {
    const source = this.#source;
    yield* source.takes('{');
    yield* source.space();
    let before = '{';
    while (!(yield* source.takes('}'))) {
      // WHY a colon: only the arguments themselves have the mark of the form.
      const key = yield* readKey({ ...this.#form, pair: ':' }, source);
      if (key === undefined) return false;
      this.#write(`${before}${JSON.stringify(key)}: `);
      before = ', ';
      if (!(yield* this.read(false, depth))) return false;
      yield* source.space();
      yield* source.takes(',');
      yield* source.space();
    }
    this.#write(before === '{' ? '{}' : '}');
    return true;
  }

  *#list(close: string, depth: number): Reading<boolean> {
    const source = this.#source;
    source.skip();
    this.#write('[');
    yield* source.space();
    for (let isFirst = true; !(yield* source.takes(close)); isFirst = false) {
      if (!isFirst) this.#write(', ');
      if (!(yield* this.read(false, depth))) return false;
      yield* source.space();
      yield* source.takes(',');
      yield* source.space();
    }
    this.#write(']');
    return true;
  }

  *#word(isText: boolean): Reading<boolean> {
    const source = this.#source;
    let word = '';
    for (let unit = yield* source.peek(); unit !== undefined && !/[,()[\]{}]/.test(unit); unit = yield* source.peek()) {
      word += unit;
      source.skip();
    }
    if (word.trim() === '' || (yield* source.peek()) === undefined) return false;
    this.#write(isText ? JSON.stringify(word.trim()) : jsonOfWord(word.trim()));
    return true;
  }
}

const namedEscapes: Readonly<Record<string, string>> = {
  n: '\n',
  t: '\t',
  r: '\r',
  b: '\b',
  f: '\f',
  v: '\v',
  a: '\u0007',
  '0': '\0',
  '\n': '',
};

/** Digits of an escape that names a character by its number. */
const numberedEscapes: Readonly<Record<string, number>> = { x: 2, u: 4, U: 8 };

/** What stands behind a backslash, by the rules of JSON and Python. An unknown escape keeps its backslash, as in Python. */
function* readEscape(source: AnswerSource, text: JsonText): Reading {
  const unit = yield* source.peek();
  if (unit === undefined) return;
  source.skip();
  const digits = Object.hasOwn(numberedEscapes, unit) ? numberedEscapes[unit] : undefined;
  let written = Object.hasOwn(namedEscapes, unit) ? (namedEscapes[unit] ?? '') : undefined;
  if (digits !== undefined) written = yield* readNumbered(source, unit, digits);
  written ??= /['"\\/]/.test(unit) ? unit : `\\${unit}`;
  for (let place = 0; place < written.length; place++) text.add(written[place] ?? '');
}

function* readNumbered(source: AnswerSource, letter: string, digits: number): Reading<string> {
  let number = '';
  while (number.length < digits) {
    const unit = yield* source.peek();
    if (unit === undefined || !/[\da-f]/i.test(unit)) return `\\${letter}${number}`;
    number += unit;
    source.skip();
  }
  const code = Number.parseInt(number, 16);
  return code > 0x10ffff ? `\\${letter}${number}` : String.fromCodePoint(code);
}
