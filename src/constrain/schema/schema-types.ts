import { type SchemaType, keywordsOfType, schemaTypes } from './keywords.ts';
import { below, invalid, type PlacedSchema, shown } from './schema-object.ts';

/** The types that a schema allows; undefined for any. */
export function typesOf(placed: PlacedSchema): readonly SchemaType[] | undefined {
  const { schema, place } = placed;
  const named = namedTypes(schema['type'], below(place, 'type')) ?? impliedTypes(placed);
  return named !== undefined && schema['nullable'] === true ? [...new Set<SchemaType>([...named, 'null'])] : named;
}

function namedTypes(value: unknown, place: string): readonly SchemaType[] | undefined {
  if (value === undefined) return undefined;
  const list: readonly unknown[] = Array.isArray(value) ? value : [value];
  return list.map((type) => {
    const known = schemaTypes.find((name) => name === type);
    if (known === undefined) throw invalid(`one of ${schemaTypes.join(', ')} is expected, got ${shown(type)},`, place);
    return known;
  });
}

/** WHY implied: who writes `properties` means an object, even where the standard allows a number too. */
function impliedTypes({ schema }: PlacedSchema): readonly SchemaType[] | undefined {
  const types = (['object', 'array', 'string', 'number'] as const).filter((type) =>
    keywordsOfType[type].some((keyword) => schema[keyword] !== undefined),
  );
  return types.length === 0 ? undefined : types;
}

/** Whether a value is of a type. */
export function isOfType(value: unknown, type: SchemaType): boolean {
  switch (type) {
    case 'object':
      return typeof value === 'object' && value !== null && !Array.isArray(value);
    case 'array':
      return Array.isArray(value);
    case 'integer':
      return Number.isInteger(value);
    case 'null':
      return value === null;
    case 'string':
    case 'number':
    case 'boolean':
      return typeof value === type;
  }
}
