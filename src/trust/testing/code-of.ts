import { EspalierError, type ErrorCode } from '../../core/index.ts';

/** The code of a caught error: `other` for an error without one. */
export function codeOf(error: unknown): ErrorCode | 'other' {
  return EspalierError.isInstance(error) ? error.code : 'other';
}
