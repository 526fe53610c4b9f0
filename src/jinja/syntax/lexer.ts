import { EspalierError } from '../../core/index.ts';
import { spaces, strip } from '../values/text.ts';
import type { Token, TokenType } from './token.ts';
import { unescape } from './unescape.ts';

/** How long a template may be, in UTF-16 units. */
const longest = 2 ** 20;
/** How many digits an int may have: the bound of Python. */
const mostDigits = 4300;

const blank = `[${spaces}]`;
const rawBegin = new RegExp(`\\{%[-+]?${blank}*raw${blank}*(?:-%\\}${blank}*|%\\})`, 'y');
const rawEnd = new RegExp(`\\{%([-+]?)${blank}*endraw${blank}*(?:\\+%\\}|-%\\}${blank}*|%\\}\\n?)`, 'g');
const commentEnd = new RegExp(`\\+#\\}|-#\\}${blank}*|#\\}\\n?`, 'g');
const blockEnd = new RegExp(`\\+%\\}|-%\\}${blank}*|%\\}\\n?`, 'y');
const variableEnd = new RegExp(`-\\}\\}${blank}*|\\}\\}`, 'y');
const whiteSpace = new RegExp(`${blank}+`, 'y');
const allSpace = new RegExp(`^${blank}+$`);
const float = /(?<!\.)(?:\d+_)*\d+(?:(?:\.(?:\d+_)*\d+)?e[+-]?(?:\d+_)*\d+|\.(?:\d+_)*\d+)/iy;
const integer = /0b(?:_?[01])+|0o(?:_?[0-7])+|0x(?:_?[\da-f])+|[1-9](?:_?\d)*|0(?:_?0)*/iy;
const name = /[\p{XID_Continue}]+/uy;
const text = /'([^'\\]*(?:\\[^][^'\\]*)*)'|"([^"\\]*(?:\\[^][^"\\]*)*)"/y;
const operator = /\/\/|\*\*|==|!=|>=|<=|[-+/*%~[\](){}><=.:|,;]/y;
const closing: Readonly<Record<string, string>> = { '{': '}', '(': ')', '[': ']' };

/**
 * Splits a template into tokens, with the settings of transformers: `trim_blocks` (a line end after a tag goes), `lstrip_blocks` (white
 * space before a tag at the beginning of a line goes), and no line end at the end of the template. Line ends of any kind become "\n".
 *
 * @see jinja2/lexer.py, whose rules these are
 * @throws EspalierError TEMPLATE_INVALID
 */
export function tokenize(source: string): Token[] {
  if (source.length > longest) {
    throw new EspalierError('TEMPLATE_INVALID', { line: 1, problem: `it has more than ${longest} characters` });
  }
  const unified = source.replace(/\r\n|\r/g, '\n');
  return new Lexer(unified.endsWith('\n') ? unified.slice(0, -1) : unified).run();
}

class Lexer {
  readonly #source: string;
  readonly #tokens: Token[] = [];
  #at = 0;
  #line = 1;
  /** Whether what was read last ended a line. */
  #lineStarts = true;

  constructor(source: string) {
    this.#source = source;
  }

  run(): Token[] {
    const tag = /\{[%{#]/g;
    for (;;) {
      tag.lastIndex = this.#at;
      const found = tag.exec(this.#source);
      if (found === null) break;
      this.#readTag(found.index);
    }
    this.#data(this.#source.slice(this.#at));
    this.#push('eof', '');
    return this.#tokens;
  }

  /** Reads the data before a tag, and the tag. */
  #readTag(at: number): void {
    const kind = this.#source.charAt(at + 1);
    const given = this.#source.charAt(at + 2);
    const sign = given === '-' || given === '+' ? given : '';
    this.#dataBefore(this.#source.slice(this.#at, at), sign, kind !== '{');
    this.#at = at;
    const raw = kind === '%' ? this.#match(rawBegin)?.[0] : undefined;
    if (raw !== undefined) return this.#readRaw(raw);
    this.#at = at + 2 + sign.length;
    this.#lineStarts = false;
    if (kind === '#') return this.#readComment();
    this.#push(kind === '%' ? 'block_begin' : 'variable_begin', `{${kind}`);
    this.#readInside(kind === '%' ? blockEnd : variableEnd, kind === '%' ? 'block_end' : 'variable_end');
  }

  #dataBefore(data: string, sign: string, mayStrip: boolean): void {
    let kept = data;
    if (sign === '-') kept = strip(data, undefined, { left: false, right: true });
    else if (sign !== '+' && mayStrip) {
      const start = data.lastIndexOf('\n') + 1;
      if ((start > 0 || this.#lineStarts) && allSpace.test(data.slice(start))) kept = data.slice(0, start);
    }
    this.#data(kept, data);
  }

  /** @param covered  the text of the source that the data stands for */
  #data(kept: string, covered = kept): void {
    if (kept !== '') this.#push('data', kept);
    this.#pass(covered);
  }

  #readRaw(begin: string): void {
    this.#pass(begin);
    rawEnd.lastIndex = this.#at;
    const end = rawEnd.exec(this.#source);
    if (end === null) return this.#fail('a {% raw %} is not closed');
    this.#dataBefore(this.#source.slice(this.#at, end.index), end[1] ?? '', true);
    this.#pass(end[0]);
    this.#at = rawEnd.lastIndex;
  }

  #readComment(): void {
    commentEnd.lastIndex = this.#at;
    const end = commentEnd.exec(this.#source);
    if (end === null) return this.#fail('a {# is not closed');
    this.#pass(this.#source.slice(this.#at, commentEnd.lastIndex));
    this.#at = commentEnd.lastIndex;
  }

  #readInside(end: RegExp, endType: TokenType): void {
    const open: string[] = [];
    for (;;) {
      const ended = open.length === 0 ? this.#match(end) : undefined;
      if (ended !== undefined) {
        this.#push(endType, ended[0]);
        return this.#pass(ended[0]);
      }
      this.#readToken(open);
    }
  }

  #readToken(open: string[]): void {
    const white = this.#match(whiteSpace);
    if (white !== undefined) return this.#pass(white[0]);
    const found = this.#readNumber() ?? this.#readWord();
    if (found !== undefined) return this.#pass(found);
    const sign = this.#match(operator)?.[0];
    if (sign === undefined) {
      if (this.#at >= this.#source.length) return this.#fail('a tag is not closed');
      return this.#fail(`unexpected character ${JSON.stringify(this.#source.charAt(this.#at))}`);
    }
    const closer = closing[sign];
    if (closer !== undefined) open.push(closer);
    if ('})]'.includes(sign) && open.pop() !== sign) this.#fail(`unexpected '${sign}'`);
    this.#push('operator', sign);
    this.#lineStarts = false;
  }

  #readNumber(): string | undefined {
    const fraction = this.#match(float)?.[0];
    if (fraction !== undefined) {
      this.#push('float', fraction, Number(fraction.replaceAll('_', '')));
      return fraction;
    }
    const whole = this.#match(integer)?.[0];
    if (whole === undefined) return undefined;
    if (whole.length > mostDigits) return this.#fail(`a number has more than ${mostDigits} digits`);
    this.#push('integer', whole, BigInt(whole.replaceAll('_', '').toLowerCase()));
    return whole;
  }

  #readWord(): string | undefined {
    const word = this.#match(name)?.[0];
    if (word !== undefined) {
      this.#push('name', word);
      return word;
    }
    const literal = this.#match(text);
    if (literal === undefined) return undefined;
    const inside = unescape(literal[1] ?? literal[2] ?? '');
    if (inside === undefined) return this.#fail('an escape in a string cannot be read');
    this.#push('string', inside);
    return literal[0];
  }

  #match(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#source);
    if (found === null) return undefined;
    this.#at = pattern.lastIndex;
    return found;
  }

  /** Counts the lines of a text that was read. */
  #pass(read: string): void {
    for (let at = read.indexOf('\n'); at >= 0; at = read.indexOf('\n', at + 1)) this.#line += 1;
    this.#lineStarts = read.endsWith('\n');
  }

  #push(type: TokenType, token: string, number?: bigint | number): void {
    this.#tokens.push({ type, text: token, line: this.#line, ...(number !== undefined && { number }) });
  }

  #fail(problem: string): never {
    throw new EspalierError('TEMPLATE_INVALID', { line: this.#line, problem });
  }
}
