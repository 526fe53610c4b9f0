/**
 * Arithmetic on dimensions that may be symbolic. A symbolic dimension is a polynomial with integer coefficients, written as a canonical
 * text ('batch', 'batch*seq', '2*seq', 'past+seq', 'seq-1'). So two dimensions are equal if their texts are equal.
 */

/** One dimension: a number, the canonical text of a symbol or polynomial, or undefined if it is unknown. */
export type Dim = number | string | undefined;

/** The dimensions of a tensor. Where `Shape | undefined` is used, undefined means that even the rank is unknown. */
export type Shape = readonly Dim[];

/** Coefficients by monomial. The key of a monomial is its factors, sorted and joined by '*'; the key of the constant term is ''. */
type Polynomial = Map<string, number>;

/** A dimension with a longer text becomes unknown. Otherwise a hostile file could make texts grow without limit. */
const maxTextLength = 200;

/** The canonical text of a dimension's name in a file: 'batch*seq' for 'seq * batch'. */
export function canonicalDim(text: string): Dim {
  return format(parse(text));
}

export function addDims(...dims: readonly Dim[]): Dim {
  const sum: Polynomial = new Map();
  for (const dim of dims) {
    if (dim === undefined) return undefined;
    for (const [monomial, coefficient] of parse(dim)) addTerm(sum, monomial, coefficient);
  }
  return format(sum);
}

export function subtractDims(a: Dim, b: Dim): Dim {
  return addDims(a, multiplyDims(b, -1));
}

/** The product; 1 for no dimensions, 0 if any dimension is 0. */
export function multiplyDims(...dims: readonly Dim[]): Dim {
  if (dims.includes(0)) return 0;
  // WHY numbers are multiplied separately: nearly all shapes have at most one symbol, and numbers need no polynomial.
  const numbers = dims.filter((dim) => typeof dim === 'number').reduce((product, dim) => product * dim, 1);
  let product = parse(numbers);
  for (const dim of dims) {
    if (dim === undefined) return undefined;
    if (typeof dim === 'string') product = multiply(product, parse(dim));
    if (isTooLong(product)) return undefined;
  }
  return format(product);
}

function isTooLong(polynomial: Polynomial): boolean {
  return polynomial.size > maxTextLength || [...polynomial.keys()].some(({ length }) => length > maxTextLength);
}

/** The quotient if it is exact for all values of the symbols (which are not 0), otherwise undefined. */
export function divideDims(a: Dim, b: Dim): Dim {
  if (a === undefined || b === undefined || b === 0) return undefined;
  if (a === b) return 1;
  const divisor = [...parse(b)];
  const [term] = divisor;
  if (divisor.length !== 1 || term === undefined) return undefined;
  const quotient: Polynomial = new Map();
  for (const [monomial, coefficient] of parse(a)) {
    const factors = removeFactors(monomial, term[0]);
    if (factors === undefined || coefficient % term[1] !== 0) return undefined;
    addTerm(quotient, factors, coefficient / term[1]);
  }
  return format(quotient);
}

/**
 * Evaluates a dimension for given sizes of its symbols. The result is undefined if a symbol has no size, if the dimension is not made
 * of sums and products of symbols, or if the result is not a valid size.
 */
export function evaluateDim(dim: Dim, sizes: ReadonlyMap<string, number>): number | undefined {
  if (dim === undefined) return undefined;
  let sum = 0;
  for (const [monomial, coefficient] of parse(dim)) {
    let term = coefficient;
    for (const factor of factorsOf(monomial)) term *= sizes.get(factor) ?? Number.NaN;
    sum += term;
  }
  return Number.isSafeInteger(sum) && sum >= 0 ? sum : undefined;
}

function parse(dim: number | string): Polynomial {
  if (typeof dim === 'number') return new Map(dim === 0 ? [] : [['', dim]]);
  return parseSum(dim) ?? new Map([[`(${dim})`, 1]]);
}

/** Parses sums of products. undefined for other expressions ('seq//2'); such a dimension is treated as one symbol. */
function parseSum(text: string): Polynomial | undefined {
  const sum: Polynomial = new Map();
  const parts = splitOutside(text, /[+\-/%]/);
  if (parts === undefined) return undefined;
  let sign = 1;
  for (const [index, part] of parts.entries()) {
    if (index % 2 === 1) {
      if (part === '/' || part === '%') return undefined;
      sign = part === '-' ? -1 : 1;
    } else if (part.trim() === '' && index === 0 && parts.length > 1) {
      continue;
    } else if (!addProduct(sum, part, sign)) {
      return undefined;
    }
  }
  return sum;
}

function addProduct(sum: Polynomial, text: string, sign: number): boolean {
  let coefficient = sign;
  const factors: string[] = [];
  for (const [index, part] of (splitOutside(text, /\*/) ?? []).entries()) {
    if (index % 2 === 1) continue;
    const factor = part.trim();
    if (factor === '') return false;
    if (/^\d+$/.test(factor)) coefficient *= Number(factor);
    else factors.push(factor);
  }
  addTerm(sum, factors.sort().join('*'), coefficient);
  return true;
}

/** Splits at operators outside parentheses. The result alternates parts and operators; undefined if the parentheses do not match. */
function splitOutside(text: string, operator: RegExp): string[] | undefined {
  const parts = [''];
  let depth = 0;
  for (const character of text) {
    if (character === '(') depth++;
    if (character === ')') depth--;
    if (depth < 0) return undefined;
    if (depth === 0 && operator.test(character)) parts.push(character, '');
    else parts[parts.length - 1] += character;
  }
  return depth === 0 ? parts : undefined;
}

function multiply(a: Polynomial, b: Polynomial): Polynomial {
  const product: Polynomial = new Map();
  for (const [left, x] of a) {
    for (const [right, y] of b) addTerm(product, [...factorsOf(left), ...factorsOf(right)].sort().join('*'), x * y);
  }
  return product;
}

function addTerm(sum: Polynomial, monomial: string, coefficient: number): void {
  const total = (sum.get(monomial) ?? 0) + coefficient;
  if (total === 0) sum.delete(monomial);
  else sum.set(monomial, total);
}

function removeFactors(monomial: string, divisor: string): string | undefined {
  const factors = factorsOf(monomial);
  for (const factor of factorsOf(divisor)) {
    const index = factors.indexOf(factor);
    if (index < 0) return undefined;
    factors.splice(index, 1);
  }
  return factors.join('*');
}

function factorsOf(monomial: string): string[] {
  return monomial === '' ? [] : (splitOutside(monomial, /\*/) ?? []).filter((_, index) => index % 2 === 0);
}

function format(polynomial: Polynomial): Dim {
  const constant = polynomial.get('') ?? 0;
  const terms = [...polynomial].filter(([monomial]) => monomial !== '').sort(([a], [b]) => (a < b ? -1 : 1));
  if (terms.some(([, coefficient]) => !Number.isSafeInteger(coefficient))) return undefined;
  if (terms.length === 0) return Number.isSafeInteger(constant) ? constant : undefined;
  const text = terms.map(([monomial, coefficient]) => formatTerm(monomial, coefficient)).join('');
  const tail = constant === 0 ? '' : constant > 0 ? `+${constant}` : `${constant}`;
  const whole = (text + tail).replace(/^\+/, '');
  return whole.length <= maxTextLength ? whole : undefined;
}

function formatTerm(monomial: string, coefficient: number): string {
  const sign = coefficient < 0 ? '-' : '+';
  const size = Math.abs(coefficient);
  return size === 1 ? `${sign}${monomial}` : `${sign}${size}*${monomial}`;
}
