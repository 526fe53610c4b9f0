import { EspalierError } from '../../core/index.ts';
import { limits } from '../limits.ts';
import type { Expression, Rule } from './expression.ts';
import { normalRanges, type Range, rangesInBoth, type SymbolSet } from './symbol-set.ts';

type Shape<E> = E extends Expression ? Omit<E, 'id' | 'height' | 'canBeEmpty' | 'moves'> : never;

const encoder = new TextEncoder();

/** Makes the expressions of one form. Equal expressions are made once, so that their moves are found once. */
export class Expressions {
  readonly all: Expression[] = [];
  readonly sets: SymbolSet[] = [];
  /** Ids of the special tokens that the form contains; their symbols follow those of the bytes. */
  readonly specials: number[] = [];
  readonly nothing: Expression;
  /** Matches no text at all. */
  readonly never: Expression;
  /** Marks in a stack where a rule ends. */
  readonly end: Expression;
  readonly #known = new Map<string, Expression>();
  readonly #texts = new Map<string, Expression>();
  readonly #setsByKey = new Map<string, SymbolSet>();

  readonly #writable: readonly Range[];

  /** @param writable  the bytes that the vocabulary can write; none are made of others */
  constructor(writable: readonly Range[] = [[0, 255]]) {
    this.#writable = [...writable, [256, Infinity]];
    this.nothing = this.#make('nothing', true, { kind: 'nothing' });
    this.never = this.#make('never', false, { kind: 'choice', options: [] });
    this.end = this.#make('end', true, { kind: 'end' });
  }

  /** One byte out of ranges. */
  byte(...ranges: readonly Range[]): Expression {
    const set = this.#set(rangesInBoth(normalRanges(ranges), this.#writable));
    return this.#make(`one ${set.index}`, false, { kind: 'one', set });
  }

  /** The set of one byte. */
  oneByte(byte: number): SymbolSet {
    return this.#set([[byte, byte]]);
  }

  /** A special token. */
  special(token: number): Expression {
    if (!this.specials.includes(token)) this.specials.push(token);
    const symbol = 256 + this.specials.indexOf(token);
    return this.byte([symbol, symbol]);
  }

  text(text: string): Expression {
    if (text === '') return this.nothing;
    const known = this.#texts.get(text);
    if (known !== undefined) return known;
    const bytes = encoder.encode(text);
    const isWritable = bytes.every((byte) => this.byte([byte, byte]).height === 0);
    const made = isWritable ? this.#text(this.#texts.size, bytes, 0) : this.never;
    this.#texts.set(text, made);
    return made;
  }

  /** One of several texts. WHY by their beginnings: a text is then at one place in them, however many go on from there. */
  texts(texts: readonly string[]): Expression {
    return this.#textsFrom(
      texts.map((text) => [...text]),
      0,
    );
  }

  /** The text of an expression without its first byte. */
  restOf(text: Expression & { readonly kind: 'text' }): Expression | undefined {
    const from = text.from + 1;
    return from === text.bytes.length ? undefined : this.#text(text.whole, text.bytes, from);
  }

  sequence(...parts: readonly Expression[]): Expression {
    return parts.reduceRight((rest, part) => this.#pair(part, rest), this.nothing);
  }

  choice(...options: readonly Expression[]): Expression {
    const flat = new Set(options.flatMap((option) => (option.kind === 'choice' ? option.options : [option])));
    const [only] = flat;
    if (flat.size === 1 && only !== undefined) return only;
    const ids = [...flat].map(({ id }) => id).toSorted((a, b) => a - b);
    const canBeEmpty = [...flat].some((option) => option.canBeEmpty);
    return this.#make(`choice ${ids.join()}`, canBeEmpty, { kind: 'choice', options: [...flat] });
  }

  optional(part: Expression): Expression {
    return this.choice(part, this.nothing);
  }

  /** @param most  Infinity for no limit */
  repeat(part: Expression, least: number, most: number): Expression {
    if (most === 0 || part === this.nothing) return this.nothing;
    if (least === 1 && most === 1) return part;
    // WHY none at least: a part that may be empty can stand for itself any number of times.
    const from = part.canBeEmpty ? 0 : least;
    return this.#make(`repeat ${part.id} ${from} ${most}`, from === 0, { kind: 'repeat', part, least: from, most });
  }

  /** The same expression, made anew if it was forgotten. */
  again(expression: Expression): Expression {
    if (expression.kind === 'text') return this.#text(expression.whole, expression.bytes, expression.from);
    if (expression.kind !== 'repeat') return expression;
    return this.repeat(expression.part, expression.least, expression.most);
  }

  /** Forgets the expressions that were made after the first `count`. */
  forget(count: number): void {
    this.all.length = Math.min(this.all.length, count);
    for (const [key, { id }] of this.#known) if (id >= count) this.#known.delete(key);
  }

  /** A rule whose body is set later. */
  rule(name: string): Rule {
    const rule: Rule = {
      kind: 'rule',
      id: this.all.length,
      canBeEmpty: false,
      height: Infinity,
      name,
      body: undefined,
    };
    this.#add(rule);
    return rule;
  }

  /** Finds how deep each expression is at least, once all rules have their bodies. */
  *settleHeights(): Generator<void, void, void> {
    for (const expression of this.all) expression.height = Infinity;
    for (let isChanged = true; isChanged;) {
      isChanged = false;
      for (const [index, expression] of this.all.entries()) {
        const height = heightOf(expression);
        if (height < expression.height) {
          expression.height = height;
          isChanged = true;
        }
        if (index % 512 === 0) yield;
      }
    }
  }

  /** One of several texts, from a character on that all of them have come to. */
  #textsFrom(texts: readonly (readonly string[])[], from: number): Expression {
    const [first] = texts;
    if (first === undefined) return this.never;
    let to = from;
    while (to < first.length && texts.every((text) => text[to] === first[to])) to++;
    const common = this.text(first.slice(from, to).join(''));
    if (to === first.length && texts.length === 1) return common;
    const byCharacter = new Map<string, (readonly string[])[]>();
    for (const text of texts) {
      const character = text[to];
      const known = byCharacter.get(character ?? '');
      if (known === undefined) byCharacter.set(character ?? '', [text]);
      else known.push(text);
    }
    const options = Array.from(byCharacter, ([character, group]) =>
      character === '' ? this.nothing : this.#textsFrom(group, to),
    );
    return this.sequence(common, this.choice(...options));
  }

  #text(whole: number, bytes: Uint8Array, from: number): Expression {
    return this.#make(`text ${whole} ${from}`, false, { kind: 'text', whole, bytes, from });
  }

  #pair(first: Expression, second: Expression): Expression {
    if (first === this.nothing) return second;
    if (second === this.nothing) return first;
    if (first === this.never || second === this.never) return this.never;
    const canBeEmpty = first.canBeEmpty && second.canBeEmpty;
    return this.#make(`pair ${first.id} ${second.id}`, canBeEmpty, { kind: 'pair', first, second });
  }

  #set(ranges: readonly Range[]): SymbolSet {
    const key = ranges.join(' ');
    const known = this.#setsByKey.get(key);
    if (known !== undefined) return known;
    const set = { index: this.sets.length, ranges, classes: new Uint8Array(0) };
    this.#setsByKey.set(key, set);
    this.sets.push(set);
    return set;
  }

  #make(key: string, canBeEmpty: boolean, shape: Shape<Expression>): Expression {
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const expression: Expression = { ...shape, id: this.all.length, canBeEmpty, height: Infinity };
    expression.height = heightOf(expression);
    this.#known.set(key, expression);
    this.#add(expression);
    return expression;
  }

  #add(expression: Expression): void {
    if (this.all.length >= limits.expressions) {
      throw new EspalierError('CONSTRAINT_TOO_LARGE', { what: 'its parts', limit: limits.expressions });
    }
    this.all.push(expression);
  }
}

/** From the heights of its parts. A height beyond the limit of depth counts as none at all, so that the search for heights ends. */
function heightOf(expression: Expression): number {
  switch (expression.kind) {
    case 'one':
      return expression.set.ranges.length === 0 ? Infinity : 0;
    case 'text':
    case 'nothing':
    case 'end':
      return 0;
    case 'pair':
      return Math.max(expression.first.height, expression.second.height);
    case 'choice':
      return Math.min(Infinity, ...expression.options.map(({ height }) => height));
    case 'repeat':
      return expression.least === 0 ? 0 : expression.part.height;
    case 'rule': {
      const height = 1 + (expression.body?.height ?? Infinity);
      return height > limits.depth ? Infinity : height;
    }
  }
}
