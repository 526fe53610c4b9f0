/** The types of JSON schema. */
export const schemaTypes = ['object', 'array', 'string', 'number', 'integer', 'boolean', 'null'] as const;
export type SchemaType = (typeof schemaTypes)[number];

/** Keywords on which no answer depends. */
const annotations = [
  '$schema',
  '$id',
  'id',
  '$comment',
  '$defs',
  'definitions',
  'title',
  'description',
  'default',
  'example',
  'examples',
  'deprecated',
  'readOnly',
  'writeOnly',
  'contentEncoding',
  'contentMediaType',
] as const;

/** Keywords that belong to one type: without `type`, a schema that has one is of that type. */
export const keywordsOfType = {
  object: [
    'properties',
    'required',
    'additionalProperties',
    'unevaluatedProperties',
    'patternProperties',
    'propertyNames',
    'minProperties',
    'maxProperties',
  ],
  array: ['items', 'prefixItems', 'additionalItems', 'minItems', 'maxItems', 'uniqueItems'],
  string: ['minLength', 'maxLength', 'pattern', 'format'],
  number: ['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum', 'multipleOf'],
} as const;

const general = ['type', 'nullable', 'enum', 'const', 'anyOf', 'oneOf', 'allOf', '$ref'];

const known: ReadonlySet<string> = new Set<string>([
  ...annotations,
  ...general,
  ...Object.values(keywordsOfType).flat(),
]);
const ignored: ReadonlySet<string> = new Set<string>(annotations);

export function isKnownKeyword(keyword: string): boolean {
  return known.has(keyword);
}

/** Whether no answer depends on a keyword. */
export function isAnnotation(keyword: string): boolean {
  return ignored.has(keyword);
}
