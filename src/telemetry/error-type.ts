import { EspalierError } from '../core/index.ts';

/** The code of an error, as a label or an attribute. WHY no message: it would be a value without bound. */
export function errorType(error: unknown, other = '_OTHER'): string {
  if (EspalierError.isInstance(error)) return error.code;
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' && /^[A-Z0-9_]{1,40}$/.test(code) ? code : other;
}
