import { EspalierError, nearest } from '../../core/index.ts';
import { isFields, type Fields } from '../../chat/index.ts';
import { foreignFields } from './foreign-fields.ts';
import { ignoredFields, refusedFields, refusedStreamOptions, type FieldRoute } from './refused-fields.ts';
import type { RefusedField } from './refused-field.ts';

/** The fields that an object of a request may have. */
interface KnownFields {
  readonly refused: Readonly<Record<string, RefusedField>>;
  /** The names that can be meant by a misspelt one; those of other servers' fields cannot. */
  readonly names: readonly string[];
}

const streamOptions = knownFields(refusedStreamOptions, ['include_usage']);

/**
 * Makes a check that refuses unsupported fields, because an answer that silently ignores a wish is worse than none. An unknown field
 * that looks like a misspelt known one is refused too. Other unknown fields are ignored.
 *
 * @param honoured the fields that the route supports
 * @returns a check that throws EspalierError REQUEST_UNSUPPORTED
 */
export function createFieldCheck(route: FieldRoute, honoured: Iterable<string>): (body: Fields) => void {
  const own = [...honoured];
  const refused = Object.entries(refusedFields[route]).filter(([name]) => !own.includes(name));
  const known = knownFields(Object.fromEntries(refused), [...own, ...ignoredFields]);
  return (body) => {
    refuseFields(body, known, '');
    const options = body['stream_options'];
    if (isFields(options)) refuseFields(options, streamOptions, 'stream_options.');
  };
}

function knownFields(refused: KnownFields['refused'], others: readonly string[]): KnownFields {
  const own = Object.keys(refused).filter((name) => !Object.hasOwn(foreignFields, name));
  return { refused, names: [...others, ...own] };
}

function refuseFields(fields: Fields, { refused, names }: KnownFields, prefix: string): void {
  for (const [name, value] of Object.entries(fields)) {
    if (value === undefined || value === null) continue;
    const field = Object.hasOwn(refused, name) ? refused[name] : undefined;
    const isNeutral = field !== undefined && (field.neutral.includes(value) || isEmpty(name, value));
    const problem = isNeutral ? undefined : (field?.problem ?? mistyped(name, names));
    if (problem === undefined) continue;
    throw new EspalierError('REQUEST_UNSUPPORTED', { param: `${prefix}${name}`, problem });
  }
}

/** A misspelt field with fewer letters cannot be distinguished from a field of another server. */
const shortestMistyped = 4;

function mistyped(param: string, known: readonly string[]): string | undefined {
  if (param.length < shortestMistyped || known.includes(param)) return undefined;
  const near = nearest(
    param,
    known.filter(({ length }) => length >= shortestMistyped),
  );
  return near === undefined ? undefined : `no such field is known (did you mean ${near}?)`;
}

function isEmpty(param: string, value: unknown): boolean {
  if (Array.isArray(value))
    return value.length === 0 || (param === 'modalities' && value.length === 1 && value[0] === 'text');
  if (typeof value !== 'object' || value === null) return false;
  return Object.keys(value).length === 0;
}
