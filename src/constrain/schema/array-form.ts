import type { Expression } from '../automaton/expression.ts';
import type { Expressions } from '../automaton/expressions.ts';
import type { JsonValues } from './json-values.ts';

export interface ArrayShape {
  /** The first members, in their order. */
  readonly first: readonly Expression[];
  /** Each member after these; absent where none may follow. */
  readonly others: Expression | undefined;
  readonly least: number;
  readonly most: number;
}

/** An array of so many members. */
export function arrayForm(shape: ArrayShape, values: JsonValues, expressions: Expressions): Expression {
  const { first, others, least, most } = shape;
  const inner =
    first.length === 0
      ? values.list(others ?? expressions.never, least, others === undefined ? 0 : most)
      : withFirst(shape, values, expressions);
  return values.braced('[', least > 0 && others === undefined && first.length === 0 ? expressions.never : inner, ']');
}

function withFirst(
  { first, others, least, most }: ArrayShape,
  values: JsonValues,
  expressions: Expressions,
): Expression {
  const more = Math.max(0, most - first.length);
  const needed = Math.max(0, least - first.length);
  let rest =
    others === undefined
      ? needed > 0
        ? expressions.never
        : expressions.nothing
      : expressions.repeat(expressions.sequence(values.comma, others), needed, more);
  for (let place = first.length - 1; place >= 0; place--) {
    const member = first[place];
    if (member === undefined) continue;
    const separator = place === 0 ? expressions.nothing : values.comma;
    const going = place < most ? expressions.sequence(separator, member, rest) : expressions.never;
    rest = place >= least ? expressions.choice(going, expressions.nothing) : going;
  }
  return rest;
}
