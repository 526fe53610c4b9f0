import type { Operator } from '../values/arithmetic.ts';
import { describe } from './token.ts';
import type { Applied, Call, CallArguments, Comparison, Expression } from './nodes.ts';
import type { TokenStream } from './token-stream.ts';

const noArguments: CallArguments = { positional: [], keywords: [], spread: undefined, spreadKeywords: undefined };

/**
 * Reads an expression. The functions below are one for each strength of binding, weakest first.
 * @see jinja2/parser.py
 */
export function parseExpression(stream: TokenStream, withCondition = true): Expression {
  return stream.nested(() => (withCondition ? parseCondition(stream) : parseOr(stream)));
}

export interface TupleOptions {
  /** Whether `a if b else c` may be part of it. */
  readonly withCondition?: boolean;
  /** A name that ends the tuple. */
  readonly until?: string;
  /** Whether parentheses are around it, so that it may be empty. */
  readonly isEnclosed?: boolean;
}

/** Reads an expression, or several with commas between them as a tuple. */
export function parseTuple(stream: TokenStream, options: TupleOptions = {}): Expression {
  const { withCondition = true, until, isEnclosed = false } = options;
  const items: Expression[] = [];
  let isTuple = false;
  for (;;) {
    if (items.length > 0) stream.expect('operator', ',');
    if (isTupleEnd(stream, until)) break;
    items.push(parseExpression(stream, withCondition));
    if (!stream.isOperator(',')) break;
    isTuple = true;
  }
  const [only] = items;
  if (!isTuple && only !== undefined) return only;
  if (!isTuple && !isEnclosed) return stream.fail(`expected an expression, found '${describe(stream.current)}'`);
  return { kind: 'tuple', items };
}

function isTupleEnd(stream: TokenStream, until: string | undefined): boolean {
  if (stream.is('variable_end') || stream.is('block_end') || stream.isOperator(')')) return true;
  return until !== undefined && stream.isName(until);
}

function parseCondition(stream: TokenStream): Expression {
  let { line } = stream.current;
  let value = parseOr(stream);
  while (stream.skip('name', 'if')) {
    const test = parseOr(stream);
    const otherwise = stream.skip('name', 'else') ? stream.nested(() => parseCondition(stream)) : undefined;
    value = { kind: 'if', test, whenTrue: value, otherwise, line };
    line = stream.current.line;
  }
  return value;
}

function parseOr(stream: TokenStream): Expression {
  let left = parseAnd(stream);
  while (stream.skip('name', 'or')) left = { kind: 'or', left, right: parseAnd(stream) };
  return left;
}

function parseAnd(stream: TokenStream): Expression {
  let left = parseNot(stream);
  while (stream.skip('name', 'and')) left = { kind: 'and', left, right: parseNot(stream) };
  return left;
}

function parseNot(stream: TokenStream): Expression {
  if (!stream.skip('name', 'not')) return parseCompare(stream);
  return { kind: 'not', of: stream.nested(() => parseNot(stream)) };
}

const comparisons: Readonly<Record<string, Comparison['operator']>> = {
  '==': 'eq',
  '!=': 'ne',
  '<': 'lt',
  '<=': 'lteq',
  '>': 'gt',
  '>=': 'gteq',
};

function parseCompare(stream: TokenStream): Expression {
  const first = parseSum(stream);
  const rest: Comparison[] = [];
  for (let operator = comparison(stream); operator !== undefined; operator = comparison(stream)) {
    rest.push({ operator, right: parseSum(stream) });
  }
  return rest.length === 0 ? first : { kind: 'compare', first, rest };
}

function comparison(stream: TokenStream): Comparison['operator'] | undefined {
  const { current, following } = stream;
  if (current.type === 'operator' && Object.hasOwn(comparisons, current.text)) {
    return comparisons[stream.next().text];
  }
  if (stream.skip('name', 'in')) return 'in';
  if (!stream.isName('not') || following.type !== 'name' || following.text !== 'in') return undefined;
  stream.next();
  stream.next();
  return 'notin';
}

function parseSum(stream: TokenStream): Expression {
  return parseOperators(stream, ['+', '-'], parseConcatenation);
}

function parseConcatenation(stream: TokenStream): Expression {
  const first = parseProduct(stream);
  const parts = [first];
  while (stream.skip('operator', '~')) parts.push(parseProduct(stream));
  return parts.length === 1 ? first : { kind: 'concatenate', parts };
}

function parseProduct(stream: TokenStream): Expression {
  return parseOperators(stream, ['*', '/', '//', '%'], parsePower);
}

function parsePower(stream: TokenStream): Expression {
  return parseOperators(stream, ['**'], parseUnary);
}

function parseOperators(
  stream: TokenStream,
  operators: readonly Operator[],
  parseSide: (stream: TokenStream) => Expression,
): Expression {
  let left = parseSide(stream);
  for (;;) {
    const operator = operators.find((one) => stream.isOperator(one));
    if (operator === undefined) return left;
    stream.next();
    left = { kind: 'operator', operator, left, right: parseSide(stream) };
  }
}

function parseUnary(stream: TokenStream, withFilters = true): Expression {
  let value: Expression;
  if (stream.isOperator('-', '+')) {
    const sign = stream.next().text === '-' ? '-' : '+';
    value = { kind: 'sign', sign, of: stream.nested(() => parseUnary(stream, false)) };
  } else {
    value = parsePrimary(stream);
  }
  value = parsePostfix(stream, value);
  return withFilters ? parseFilters(stream, value) : value;
}

const constants: Readonly<Record<string, boolean | null>> = {
  true: true,
  True: true,
  false: false,
  False: false,
  none: null,
  // eslint-disable-next-line id-denylist
  None: null,
};

/** Reads a name or a literal. */
export function parsePrimary(stream: TokenStream): Expression {
  const token = stream.current;
  if (token.type === 'name') {
    stream.next();
    const constant = Object.hasOwn(constants, token.text) ? constants[token.text] : undefined;
    return constant === undefined ? { kind: 'name', name: token.text } : { kind: 'constant', value: constant };
  }
  if (token.type === 'string') {
    let value = '';
    while (stream.is('string')) value += stream.next().text;
    return { kind: 'constant', value };
  }
  if (token.type === 'integer' || token.type === 'float') {
    return { kind: 'constant', value: stream.next().number ?? 0 };
  }
  if (stream.skip('operator', '(')) {
    const inside = parseTuple(stream, { isEnclosed: true });
    stream.expect('operator', ')');
    return inside;
  }
  if (stream.isOperator('[')) return parseList(stream);
  if (stream.isOperator('{')) return parseDict(stream);
  return stream.fail(`unexpected '${describe(token)}'`);
}

function parseList(stream: TokenStream): Expression {
  stream.expect('operator', '[');
  const items: Expression[] = [];
  while (!stream.isOperator(']')) {
    if (items.length > 0) stream.expect('operator', ',');
    if (stream.isOperator(']')) break;
    items.push(parseExpression(stream));
  }
  stream.expect('operator', ']');
  return { kind: 'list', items };
}

function parseDict(stream: TokenStream): Expression {
  stream.expect('operator', '{');
  const pairs: (readonly [Expression, Expression])[] = [];
  while (!stream.isOperator('}')) {
    if (pairs.length > 0) stream.expect('operator', ',');
    if (stream.isOperator('}')) break;
    const key = parseExpression(stream);
    stream.expect('operator', ':');
    pairs.push([key, parseExpression(stream)]);
  }
  stream.expect('operator', '}');
  return { kind: 'dict', pairs };
}

/** Reads attributes, items and calls that follow a value. */
export function parsePostfix(stream: TokenStream, value: Expression): Expression {
  let made = value;
  for (;;) {
    if (stream.isOperator('.', '[')) made = parseSubscript(stream, made);
    else if (stream.isOperator('(')) made = parseCall(stream, made);
    else return made;
  }
}

function parseFilters(stream: TokenStream, value: Expression): Expression {
  let made = value;
  for (;;) {
    if (stream.isOperator('|')) made = parseFilter(stream, made);
    else if (stream.isName('is')) made = parseTest(stream, made);
    else if (stream.isOperator('(')) made = parseCall(stream, made);
    else return made;
  }
}

function parseSubscript(stream: TokenStream, of: Expression): Expression {
  if (stream.skip('operator', '.')) {
    const token = stream.next();
    if (token.type === 'name') return { kind: 'attribute', of, name: token.text };
    if (token.type !== 'integer') return stream.fail(`expected a name or a number, found '${describe(token)}'`);
    return { kind: 'item', of, key: { kind: 'constant', value: token.number ?? 0 } };
  }
  stream.expect('operator', '[');
  const keys: Expression[] = [];
  while (!stream.isOperator(']')) {
    if (keys.length > 0) stream.expect('operator', ',');
    keys.push(parseKey(stream));
  }
  stream.expect('operator', ']');
  const [only] = keys;
  return { kind: 'item', of, key: keys.length === 1 && only !== undefined ? only : { kind: 'tuple', items: keys } };
}

/** Reads what stands in brackets: an expression, or a slice. */
function parseKey(stream: TokenStream): Expression {
  const parts: (Expression | undefined)[] = [];
  const isOpen = (): boolean => stream.isOperator(':', ']', ',');
  parts.push(stream.isOperator(':') ? undefined : parseExpression(stream));
  const [first] = parts;
  if (first !== undefined && !stream.isOperator(':')) return first;
  stream.expect('operator', ':');
  parts.push(isOpen() ? undefined : parseExpression(stream));
  parts.push(stream.skip('operator', ':') && !isOpen() ? parseExpression(stream) : undefined);
  return { kind: 'slice', parts };
}

function parseCall(stream: TokenStream, of: Expression): Call {
  const { line } = stream.current;
  return { kind: 'call', of, args: parseArguments(stream), line };
}

function parseArguments(stream: TokenStream): CallArguments {
  const positional: Expression[] = [];
  const keywords: (readonly [string, Expression])[] = [];
  let spread: Expression | undefined;
  let spreadKeywords: Expression | undefined;
  const ensure = (isAllowed: boolean): void => {
    if (!isAllowed) stream.fail('the arguments of a call are in the wrong order');
  };
  stream.expect('operator', '(');
  for (let isFirst = true; !stream.isOperator(')'); isFirst = false) {
    if (!isFirst) stream.expect('operator', ',');
    if (stream.isOperator(')')) break;
    if (stream.skip('operator', '*')) {
      ensure(spread === undefined && spreadKeywords === undefined);
      spread = parseExpression(stream);
    } else if (stream.skip('operator', '**')) {
      ensure(spreadKeywords === undefined);
      spreadKeywords = parseExpression(stream);
    } else if (stream.is('name') && stream.following.type === 'operator' && stream.following.text === '=') {
      ensure(spreadKeywords === undefined);
      const name = stream.next().text;
      stream.next();
      keywords.push([name, parseExpression(stream)]);
    } else {
      ensure(spread === undefined && spreadKeywords === undefined && keywords.length === 0);
      positional.push(parseExpression(stream));
    }
  }
  stream.expect('operator', ')');
  return { positional, keywords, spread, spreadKeywords };
}

/** Reads filters: `| name(arguments) | ...`, or `name(arguments) | ...` where `isInline`. */
export function parseFilter(stream: TokenStream, of: Expression | undefined, isInline = false): Applied {
  let inline = isInline;
  let made: Applied | undefined;
  while (inline || stream.isOperator('|')) {
    if (!inline) stream.next();
    inline = false;
    const { line } = stream.current;
    const name = parseDottedName(stream);
    const args = stream.isOperator('(') ? parseArguments(stream) : noArguments;
    made = { kind: 'filter', of: made ?? of, name, args, line };
  }
  return made ?? stream.fail('a filter is missing');
}

function parseDottedName(stream: TokenStream): string {
  let name = stream.expect('name').text;
  while (stream.skip('operator', '.')) name += `.${stream.expect('name').text}`;
  return name;
}

function parseTest(stream: TokenStream, of: Expression): Expression {
  const { line } = stream.next();
  const isNegated = stream.skip('name', 'not');
  const name = parseDottedName(stream);
  const test: Applied = { kind: 'test', of, name, args: parseTestArguments(stream), line };
  return isNegated ? { kind: 'not', of: test } : test;
}

/** WHY: a test takes one argument without parentheses too, `is divisibleby 3`. */
function parseTestArguments(stream: TokenStream): CallArguments {
  if (stream.isOperator('(')) return parseArguments(stream);
  const { type } = stream.current;
  const begins = type === 'name' || type === 'string' || type === 'integer' || type === 'float';
  if (!(begins || stream.isOperator('[', '{')) || stream.isName('else', 'or', 'and')) return noArguments;
  if (stream.isName('is')) return stream.fail('tests cannot follow one another');
  return { ...noArguments, positional: [parsePostfix(stream, parsePrimary(stream))] };
}
