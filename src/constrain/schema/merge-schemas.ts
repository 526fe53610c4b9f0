import { isAnnotation } from './keywords.ts';
import { below, isSchemaObject, type SchemaObject, shown, unsupported } from './schema-object.ts';

/** What one keyword becomes where two schemas have it; undefined where that cannot be said. */
type Merge = (one: unknown, other: unknown, whole: readonly [SchemaObject, SchemaObject]) => unknown;

const larger: Merge = (one, other) =>
  typeof one === 'number' && typeof other === 'number' ? Math.max(one, other) : undefined;
const smaller: Merge = (one, other) =>
  typeof one === 'number' && typeof other === 'number' ? Math.min(one, other) : undefined;

const merges: Readonly<Record<string, Merge>> = {
  type: typesInBoth,
  properties: (_one, _other, [a, b]) => propertiesOfBoth(a, b),
  required: (one, other) => (Array.isArray(one) && Array.isArray(other) ? [...new Set([...one, ...other])] : undefined),
  additionalProperties: both,
  items: both,
  nullable: (one, other) => one === true && other === true,
  enum: (one, other) => valuesInBoth(one, other),
  minimum: larger,
  exclusiveMinimum: larger,
  minLength: larger,
  minItems: larger,
  minProperties: larger,
  maximum: smaller,
  exclusiveMaximum: smaller,
  maxLength: smaller,
  maxItems: smaller,
  maxProperties: smaller,
};

/**
 * The schema of values that two schemas allow.
 * @throws EspalierError CONSTRAINT_UNSUPPORTED where a keyword of both has no common form
 */
export function mergeSchemas(one: SchemaObject, other: SchemaObject, place: string): SchemaObject {
  const merged: Record<string, unknown> = { ...one };
  for (const [keyword, value] of Object.entries(other)) {
    const present = merged[keyword];
    if (present === undefined) merged[keyword] = value;
    else if (!isAnnotation(keyword) && JSON.stringify(present) !== JSON.stringify(value)) {
      const result = merges[keyword]?.(present, value, [one, other]);
      if (result === undefined) {
        throw unsupported(`${keyword} is both ${shown(present)} and ${shown(value)}`, below(place, keyword));
      }
      merged[keyword] = result;
    }
  }
  // WHY also where only one names properties: the other may allow no further ones.
  if (isSchemaObject(one['properties']) || isSchemaObject(other['properties'])) {
    merged['properties'] = propertiesOfBoth(one, other);
  }
  return merged;
}

function both(one: unknown, other: unknown): unknown {
  if (one === false || other === false) return false;
  if (one === true) return other;
  return other === true ? one : { allOf: [one, other] };
}

/** Each property of both. One that a schema does not name is what the schema allows others to be. */
function propertiesOfBoth(one: SchemaObject, other: SchemaObject): SchemaObject | undefined {
  const [first, second] = [one['properties'] ?? {}, other['properties'] ?? {}];
  if (!isSchemaObject(first) || !isSchemaObject(second)) return undefined;
  const of = (schema: SchemaObject, own: SchemaObject, name: string): unknown =>
    Object.hasOwn(own, name) ? own[name] : (schema['additionalProperties'] ?? true);
  const names = new Set([...Object.keys(first), ...Object.keys(second)]);
  return Object.fromEntries(Array.from(names, (name) => [name, both(of(one, first, name), of(other, second, name))]));
}

function typesInBoth(one: unknown, other: unknown): unknown {
  const [first, second] = [asList(one), asList(other)];
  const has = (types: readonly unknown[], type: unknown): boolean =>
    types.includes(type) || (type === 'integer' && types.includes('number'));
  return [...new Set([...first, ...second])].filter((type) => has(first, type) && has(second, type));
}

function valuesInBoth(one: unknown, other: unknown): unknown {
  const known = new Set(asList(other).map((value) => JSON.stringify(value)));
  return asList(one).filter((value) => known.has(JSON.stringify(value)));
}

function asList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [value];
}
