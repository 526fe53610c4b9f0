import type { Steps } from '../../core/index.ts';
import type { Expression } from '../automaton/expression.ts';
import type { Expressions } from '../automaton/expressions.ts';
import type { JsonText } from '../characters/json-text.ts';
import { buildPattern } from '../regex/build-pattern.ts';
import type { JsonValues } from './json-values.ts';
import type { ObjectProperty, ObjectShape } from './object-form.ts';
import { otherKey } from './other-key.ts';
import { below, countOf, invalid, listOf, objectOf, type PlacedSchema, shown, unsupported } from './schema-object.ts';

/** What reads the schemas inside of a schema. */
interface Reading {
  readonly expressions: Expressions;
  readonly text: JsonText;
  readonly values: JsonValues;
  readonly isLoose: boolean;
  readonly valueOf: (schema: unknown, place: string) => Steps<Expression>;
}

/**
 * The properties of an object, in the order of the schema; those that are only required come after them. Where a schema names properties,
 * others are there only if it says so.
 */
export function* readObject(placed: PlacedSchema, reading: Reading): Steps<ObjectShape> {
  const { place } = placed;
  const named = namedSchemas(placed);
  const others = yield* readOthers(placed, [...named.keys()], reading);
  const required = requiredOf(placed);
  const { text, values, expressions, valueOf } = reading;
  const properties: ObjectProperty[] = [];
  for (const [name, { schema, at }] of named) {
    const pair = values.pair(expressions.text(JSON.stringify(name)), yield* valueOf(schema, at));
    properties.push({ pair, isRequired: required.has(name) });
  }
  return {
    properties,
    others: others && values.pair(others.key ?? otherKey([...named.keys()], text, expressions), others.value),
    least: countOf(placed, 'minProperties') ?? 0,
    most: countOf(placed, 'maxProperties') ?? Infinity,
    place: below(place, 'minProperties'),
  };
}

interface NamedSchema {
  readonly schema: unknown;
  readonly at: string;
}

/** The properties with a name: those of `properties`, and others that are required or whose names are listed. */
function namedSchemas(placed: PlacedSchema): Map<string, NamedSchema> {
  const { place } = placed;
  const named = new Map<string, NamedSchema>();
  for (const [name, schema] of Object.entries(objectOf(placed, 'properties') ?? {})) {
    named.set(name, { schema, at: below(place, 'properties', name) });
  }
  const schema = additionalOf(placed) ?? true;
  for (const name of [...(listedNames(placed) ?? []), ...requiredOf(placed)]) {
    if (!named.has(name)) named.set(name, { schema, at: below(place, 'additionalProperties') });
  }
  return named;
}

function requiredOf(placed: PlacedSchema): ReadonlySet<string> {
  const names = (listOf(placed, 'required') ?? []).map((name) => {
    if (typeof name === 'string') return name;
    throw invalid(`the name of a property is expected, got ${shown(name)},`, below(placed.place, 'required'));
  });
  return new Set(names);
}

/** The names that `propertyNames` lists. */
function listedNames(placed: PlacedSchema): readonly string[] | undefined {
  const listed: unknown = objectOf(placed, 'propertyNames')?.['enum'];
  return Array.isArray(listed) ? listed.filter((name) => typeof name === 'string') : undefined;
}

function additionalOf({ schema }: PlacedSchema): unknown {
  return schema['additionalProperties'] ?? schema['unevaluatedProperties'];
}

/** The key and the value of any other property. */
interface Others {
  readonly key: Expression | undefined;
  readonly value: Expression;
}

function* readOthers(placed: PlacedSchema, names: readonly string[], reading: Reading): Steps<Others | undefined> {
  const { schema, place } = placed;
  const { values, valueOf } = reading;
  if (listedNames(placed) !== undefined) return undefined;
  if (schema['patternProperties'] !== undefined) return yield* patternOthers(placed, names, reading);
  const additional = additionalOf(placed) ?? names.length === 0;
  if (additional === false) return undefined;
  const key = yield* keyOf(placed, names, reading);
  const value = additional === true ? values.value : yield* valueOf(additional, below(place, 'additionalProperties'));
  return { key, value };
}

/** The keys of other properties, where `propertyNames` says more of them than that they are texts. */
function* keyOf(placed: PlacedSchema, names: readonly string[], { valueOf }: Reading): Steps<Expression | undefined> {
  const schema = objectOf(placed, 'propertyNames');
  if (schema === undefined) return undefined;
  const place = below(placed.place, 'propertyNames');
  if (Object.keys(schema).every((keyword) => keyword === 'type')) return undefined;
  if (names.length > 0) throw unsupported('propertyNames together with properties', place);
  return yield* valueOf({ type: 'string', ...schema }, place);
}

function* patternOthers(placed: PlacedSchema, names: readonly string[], reading: Reading): Steps<Others | undefined> {
  const { expressions, text, valueOf } = reading;
  const place = below(placed.place, 'patternProperties');
  const entries = Object.entries(objectOf(placed, 'patternProperties') ?? {});
  const [entry] = entries;
  if (entry === undefined) return undefined;
  if (names.length > 0) throw unsupported('patternProperties together with properties', place);
  if (entries.length > 1) throw unsupported('several patternProperties', place);
  if (placed.schema['propertyNames'] !== undefined)
    throw unsupported('patternProperties together with propertyNames', place);
  const [pattern, schema] = entry;
  const around = expressions.repeat(text.character, 0, Infinity);
  const at = below(place, pattern);
  const key = yield* buildPattern(pattern, { expressions, oneOf: text.oneOf.bind(text), around, place: at });
  return { key: text.quoted(key), value: yield* valueOf(schema, at) };
}
