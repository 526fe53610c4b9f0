import { EspalierError, messageOf } from '../../core/index.ts';
import type { JobRecord } from '../records/job-record.ts';

/** An error as the object of a job shows it. */
export function errorOf(error: unknown, param: string | null): NonNullable<JobRecord['error']> {
  if (EspalierError.isInstance(error)) return { code: error.code.toLowerCase(), message: error.message, param };
  return { code: 'internal_error', message: messageOf(error), param };
}
