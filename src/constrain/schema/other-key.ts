import type { Expression } from '../automaton/expression.ts';
import type { Expressions } from '../automaton/expressions.ts';
import { allCharacters, type CharacterSet, setOf, without } from '../characters/character-set.ts';
import type { JsonText } from '../characters/json-text.ts';

/** A JSON string that is none of several texts. Where it begins like one of them, it is written without escapes that need not be. */
export function otherKey(names: readonly string[], text: JsonText, expressions: Expressions): Expression {
  if (names.length === 0) return text.string();
  const any = expressions.repeat(text.character, 0, Infinity);
  const unlike = (rests: readonly (readonly string[])[]): Expression => {
    const byFirst = new Map<string, (readonly string[])[]>();
    for (const [first, ...rest] of rests) {
      if (first !== undefined) byFirst.set(first, [...(byFirst.get(first) ?? []), rest]);
    }
    const heads: CharacterSet = setOf(...byFirst.keys());
    return expressions.choice(
      rests.some(({ length }) => length === 0) ? expressions.never : expressions.nothing,
      expressions.sequence(text.oneOf(without(allCharacters, heads)), any),
      ...Array.from(byFirst, ([head, left]) => expressions.sequence(text.oneOf(setOf(head)), unlike(left))),
    );
  };
  return text.quoted(unlike(names.map((name) => [...name])));
}
