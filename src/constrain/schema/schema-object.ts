import { EspalierError } from '../../core/index.ts';

/** A schema that is an object, as it came. */
export type SchemaObject = Readonly<Record<string, unknown>>;

/** A schema and where in its document it is, such as `#/properties/name`. */
export interface PlacedSchema {
  readonly schema: SchemaObject;
  readonly place: string;
}

export function isSchemaObject(value: unknown): value is SchemaObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function invalid(problem: string, place: string): EspalierError {
  return new EspalierError('CONSTRAINT_INVALID', { problem, place });
}

export function unsupported(problem: string, place: string): EspalierError {
  return new EspalierError('CONSTRAINT_UNSUPPORTED', { problem, place });
}

/** A part of a place, with the escapes of a JSON pointer. */
export function below(place: string, ...names: readonly (string | number)[]): string {
  return names.reduce<string>(
    (path, name) => `${path}/${String(name).replaceAll('~', '~0').replaceAll('/', '~1')}`,
    place,
  );
}

/** A keyword that is a whole number from 0. */
export function countOf({ schema, place }: PlacedSchema, keyword: string): number | undefined {
  const value = schema[keyword];
  if (value === undefined) return undefined;
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
  throw invalid(`a whole number from 0 is expected, got ${shown(value)},`, below(place, keyword));
}

export function numberOf({ schema, place }: PlacedSchema, keyword: string): number | undefined {
  const value = schema[keyword];
  if (value === undefined) return undefined;
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  throw invalid(`a number is expected, got ${shown(value)},`, below(place, keyword));
}

export function textOf({ schema, place }: PlacedSchema, keyword: string): string | undefined {
  const value = schema[keyword];
  if (value === undefined || typeof value === 'string') return value;
  throw invalid(`a text is expected, got ${shown(value)},`, below(place, keyword));
}

export function listOf({ schema, place }: PlacedSchema, keyword: string): readonly unknown[] | undefined {
  const value = schema[keyword];
  if (value === undefined || Array.isArray(value)) return value;
  throw invalid(`a list is expected, got ${shown(value)},`, below(place, keyword));
}

export function objectOf({ schema, place }: PlacedSchema, keyword: string): SchemaObject | undefined {
  const value = schema[keyword];
  if (value === undefined || isSchemaObject(value)) return value;
  throw invalid(`an object is expected, got ${shown(value)},`, below(place, keyword));
}

/** A value in a message. */
export function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
