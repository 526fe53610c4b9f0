import { z } from 'zod';
import { EspalierError } from '../../../core/index.ts';

/** Parsers of the fields of a `quantization_config` that change numbers, by name. */
export type FieldParsers = Readonly<Record<string, z.ZodType>>;

export interface KnownFields<F extends FieldParsers> {
  readonly path: string;
  /** The path of the object within `quantization_config`. Default: itself. */
  readonly place?: string;
  readonly parsers: F;
  /** Fields that say how the numbers were found, or which kernel is to be used. They change no number. */
  readonly ignored: readonly string[];
}

/**
 * Reads another tool's `quantization_config`. A field that is not known may change numbers, so it is refused by its name.
 *
 * @throws EspalierError MODEL_FEATURE_UNSUPPORTED naming the first field that is unknown, or has a value that is not supported
 */
export function readFields<F extends FieldParsers>(
  given: Readonly<Record<string, unknown>>,
  { path, place = '', parsers, ignored }: KnownFields<F>,
): { readonly [K in keyof F]: z.output<F[K]> } {
  const named = (name: string): string => (place === '' ? name : `${place}.${name}`);
  const known = ['quant_method', ...Object.keys(parsers), ...ignored];
  const unknown = Object.keys(given).find((name) => !known.includes(name));
  if (unknown !== undefined) throw unsupported(path, named(unknown), given[unknown], 'no such field');
  const result: Record<string, unknown> = {};
  for (const [name, parser] of Object.entries(parsers)) {
    const parsed = parser.safeParse(given[name]);
    if (!parsed.success) throw unsupported(path, named(name), given[name], messageOf(parsed.error));
    result[name] = parsed.data;
  }
  return result as { readonly [K in keyof F]: z.output<F[K]> };
}

function messageOf({ issues }: z.ZodError): string {
  return issues.map(({ message }) => message.replace(/^Invalid (input|option): expected /, '')).join('; ');
}

/** The error for a value of a field that is not supported. */
export function unsupported(path: string, field: string, value: unknown, supported: string): EspalierError {
  return new EspalierError('MODEL_FEATURE_UNSUPPORTED', {
    path,
    feature: `quantization_config.${field}`,
    value: value === undefined ? 'nothing' : JSON.stringify(value),
    supported,
  });
}
