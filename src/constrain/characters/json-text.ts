import type { Expression } from '../automaton/expression.ts';
import type { Expressions } from '../automaton/expressions.ts';
import { allCharacters, type CharacterSet, intersection, oneOf, setOf, without } from './character-set.ts';

/** Characters that a JSON string cannot hold as they are. */
const escaped: CharacterSet = setOf('"', '\\', [0, 0x1f]);

/** The parts of JSON text that do not depend on a schema. */
export class JsonText {
  /** Between the parts of JSON: nothing, a space, or a new line and its indentation; never more, so that no answer is white space for ever. */
  readonly space: Expression;
  /** One character of a string, as it is or escaped. */
  readonly character: Expression;
  readonly #expressions: Expressions;

  constructor(expressions: Expressions) {
    this.#expressions = expressions;
    const { text, repeat } = bound(expressions);
    const indentation = expressions.choice(repeat(text(' '), 0, 32), repeat(text('\t'), 0, 8));
    this.space = expressions.choice(expressions.nothing, text(' '), expressions.sequence(text('\n'), indentation));
    this.character = expressions.choice(
      oneOf(without(allCharacters, escaped), expressions),
      expressions.sequence(text('\\'), oneOf(setOf(...'"\\/bfnrt'), expressions)),
      this.#escapedUnit(),
    );
  }

  /** A string with any characters. @param most  Infinity for no limit */
  string(least = 0, most = Infinity): Expression {
    return this.quoted(this.#expressions.repeat(this.character, least, most));
  }

  quoted(inner: Expression): Expression {
    const quote = this.#expressions.text('"');
    return this.#expressions.sequence(quote, inner, quote);
  }

  /** One character of a set as it is in a string: escaped only where it must be. */
  oneOf(set: CharacterSet): Expression {
    const expressions = this.#expressions;
    const escapes = intersection(set, escaped).flatMap(([first, last]) => {
      return Array.from({ length: last - first + 1 }, (_, place) => this.#escape(first + place));
    });
    return expressions.choice(oneOf(without(set, escaped), expressions), ...escapes);
  }

  #escape(code: number): Expression {
    return this.#expressions.text(JSON.stringify(String.fromCharCode(code)).slice(1, -1));
  }

  /** A character as `\uXXXX`, or two units of a surrogate pair. */
  #escapedUnit(): Expression {
    const { text, sequence, set } = bound(this.#expressions);
    const hex = set(...'0123456789abcdefABCDEF');
    const single = this.#expressions.choice(
      sequence(set(...'0123456789abcefABCEF'), hex, hex, hex),
      sequence(set('d', 'D'), set(...'01234567'), hex, hex),
    );
    const pair = sequence(
      set('d', 'D'),
      set(...'89abAB'),
      sequence(hex, hex, text('\\u')),
      sequence(set('d', 'D'), set(...'cdefCDEF'), hex, hex),
    );
    return sequence(text('\\u'), this.#expressions.choice(single, pair));
  }
}

function bound(expressions: Expressions): {
  text: (text: string) => Expression;
  sequence: (...parts: readonly Expression[]) => Expression;
  repeat: (part: Expression, least: number, most: number) => Expression;
  set: (...characters: readonly string[]) => Expression;
} {
  return {
    text: (text) => expressions.text(text),
    sequence: (...parts) => expressions.sequence(...parts),
    repeat: (part, least, most) => expressions.repeat(part, least, most),
    set: (...characters) => oneOf(setOf(...characters), expressions),
  };
}
