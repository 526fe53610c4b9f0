import { EspalierError, type ErrorCode } from '../../core/index.ts';

/** The code of a rejection: `none` where there is none, `other` for an error without a code. */
export async function codeOf(promise: Promise<unknown>): Promise<ErrorCode | 'none' | 'other'> {
  try {
    await promise;
    return 'none';
  } catch (error) {
    return EspalierError.isInstance(error) ? error.code : 'other';
  }
}
