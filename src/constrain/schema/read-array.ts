import type { Steps } from '../../core/index.ts';
import type { Expression } from '../automaton/expression.ts';
import type { ArrayShape } from './array-form.ts';
import { below, countOf, listOf, type PlacedSchema, unsupported } from './schema-object.ts';

/** What reads the schemas inside of a schema. */
interface Reading {
  readonly isLoose: boolean;
  readonly valueOf: (schema: unknown, place: string) => Steps<Expression>;
}

/**
 * The members of an array. First members are all there unless `minItems` says how many are enough, and others follow them only where a schema
 * says so.
 */
export function* readArray(placed: PlacedSchema, { valueOf, isLoose }: Reading): Steps<ArrayShape> {
  const { schema, place } = placed;
  if (schema['uniqueItems'] === true && !isLoose) {
    throw unsupported('uniqueItems', below(place, 'uniqueItems'));
  }
  const items = schema['items'];
  // WHY: up to draft 2019, `items` could be the list, and `additionalItems` what follows it.
  const isOldList = Array.isArray(items);
  const keyword = isOldList ? 'items' : 'prefixItems';
  const first: Expression[] = [];
  for (const [index, member] of (listOf(placed, keyword) ?? []).entries()) {
    first.push(yield* valueOf(member, below(place, keyword, index)));
  }
  const following = isOldList ? 'additionalItems' : 'items';
  const others = schema[following] ?? first.length === 0;
  const most = countOf(placed, 'maxItems') ?? Infinity;
  return {
    first,
    others: others === false ? undefined : yield* valueOf(others, below(place, following)),
    least: countOf(placed, 'minItems') ?? Math.min(first.length, most),
    most,
  };
}
