import type { Expression, Rule } from '../automaton/expression.ts';
import type { Expressions } from '../automaton/expressions.ts';
import { between, oneOf, setOf } from '../characters/character-set.ts';
import type { JsonText } from '../characters/json-text.ts';

/** WHY limits: a number must not go on for ever, and must stay within what double precision can hold. */
const digitsOf = { whole: 15, fraction: 17, exponent: 2 };

/** Values of JSON of any content, nested up to the depth that is allowed. */
export class JsonValues {
  readonly boolean: Expression;
  readonly null: Expression;
  readonly number: Expression;
  readonly string: Expression;
  /** Any value. */
  readonly value: Rule;
  readonly object: Expression;
  readonly array: Expression;
  readonly #expressions: Expressions;
  readonly #text: JsonText;

  constructor(expressions: Expressions, text: JsonText) {
    this.#expressions = expressions;
    this.#text = text;
    this.boolean = expressions.choice(expressions.text('true'), expressions.text('false'));
    this.null = expressions.text('null');
    this.number = this.#number();
    this.string = text.string();
    this.value = expressions.rule('any value');
    const pair = this.pair(this.string, this.value);
    this.object = this.braced('{', this.list(pair), '}');
    this.array = this.braced('[', this.list(this.value), ']');
    const { object, array, string, number, boolean } = this;
    this.value.body = expressions.choice(object, array, string, number, boolean, this.null);
  }

  /** A key, and its value. */
  pair(key: Expression, value: Expression): Expression {
    return this.#expressions.sequence(key, this.#expressions.text(':'), this.#text.space, value);
  }

  /** What separates two members. */
  get comma(): Expression {
    return this.#expressions.sequence(this.#text.space, this.#expressions.text(','), this.#text.space);
  }

  /** Members in brackets. */
  braced(open: string, inner: Expression, close: string): Expression {
    const { space } = this.#text;
    const expressions = this.#expressions;
    const members = expressions.sequence(inner, space);
    return expressions.sequence(expressions.text(open), space, members, expressions.text(close));
  }

  /** Members with commas between them. */
  list(member: Expression, least = 0, most = Infinity): Expression {
    const expressions = this.#expressions;
    if (most < 1) return expressions.nothing;
    const more = expressions.repeat(expressions.sequence(this.comma, member), Math.max(0, least - 1), most - 1);
    const some = expressions.sequence(member, more);
    return least === 0 ? expressions.optional(some) : some;
  }

  #number(): Expression {
    const expressions = this.#expressions;
    const digit = oneOf(setOf(between('0', '9')), expressions);
    const first = oneOf(setOf(between('1', '9')), expressions);
    const whole = expressions.choice(
      expressions.text('0'),
      expressions.sequence(first, expressions.repeat(digit, 0, digitsOf.whole)),
    );
    const fraction = expressions.sequence(expressions.text('.'), expressions.repeat(digit, 1, digitsOf.fraction));
    const exponent = expressions.sequence(
      oneOf(setOf('e', 'E'), expressions),
      expressions.optional(oneOf(setOf('+', '-'), expressions)),
      expressions.repeat(digit, 1, digitsOf.exponent),
    );
    const minus = expressions.optional(expressions.text('-'));
    return expressions.sequence(minus, whole, expressions.optional(fraction), expressions.optional(exponent));
  }
}
