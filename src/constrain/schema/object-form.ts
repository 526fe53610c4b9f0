import { EspalierError } from '../../core/index.ts';
import type { Expression } from '../automaton/expression.ts';
import type { Expressions } from '../automaton/expressions.ts';
import { limits } from '../limits.ts';
import type { JsonValues } from './json-values.ts';
import { unsupported } from './schema-object.ts';

export interface ObjectProperty {
  /** The key and its value. */
  readonly pair: Expression;
  readonly isRequired: boolean;
}

export interface ObjectShape {
  /** In the order in which they are written. */
  readonly properties: readonly ObjectProperty[];
  /** The key and value of any other property; absent where there is none. */
  readonly others: Expression | undefined;
  readonly least: number;
  readonly most: number;
  readonly place: string;
}

/** An object whose properties come in their order, those that may be left out included. */
export function objectForm(shape: ObjectShape, values: JsonValues, expressions: Expressions): Expression {
  const { properties, least, most } = shape;
  // How many properties were written need be known only as far as a limit depends on it.
  const counted = Math.max(1, least, most === Infinity ? 0 : most);
  if (properties.length * counted > limits.expressions) {
    throw new EspalierError('CONSTRAINT_TOO_LARGE', { what: 'the properties of an object', limit: limits.expressions });
  }
  let after = Array.from({ length: counted + 1 }, (_, written) => othersAfter(shape, written, values, expressions));
  for (const { pair, isRequired } of properties.toReversed()) {
    const then = after;
    after = then.map((without, written) => {
      const next = then[Math.min(written + 1, counted)] ?? expressions.never;
      const separator = written === 0 ? expressions.nothing : values.comma;
      const going = written < most ? expressions.sequence(separator, pair, next) : expressions.never;
      return isRequired ? going : expressions.choice(going, without);
    });
  }
  return values.braced('{', after[0] ?? expressions.never, '}');
}

/** Properties without a name in the schema, after so many others. */
function othersAfter(shape: ObjectShape, written: number, values: JsonValues, expressions: Expressions): Expression {
  const { others, least, most, place } = shape;
  const needed = Math.max(0, least - written);
  if (others === undefined) return needed > 0 ? expressions.never : expressions.nothing;
  // WHY: two of them may have one name.
  if (needed > 1 && written >= shape.properties.length)
    throw unsupported('minProperties above the number of named properties and one', place);
  if (needed > 1) return expressions.never;
  const room = most - written;
  if (room < 1) return needed > 0 ? expressions.never : expressions.nothing;
  if (written === 0) return values.list(others, needed, room);
  return expressions.repeat(expressions.sequence(values.comma, others), needed, room);
}
