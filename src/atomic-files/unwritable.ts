import { EspalierError } from '../core/index.ts';

/** The codes of the system that mean that a place cannot be written, whatever is written. */
const reasons: Readonly<Record<string, string>> = {
  EACCES: 'this user has no right to write there',
  EPERM: 'this user has no right to write there',
  EROFS: 'the disk is read-only',
  ENOTDIR: 'a part of its path is a file',
  ENOENT: 'its folder is not there',
};

/** @returns EspalierError OUTPUT_NOT_WRITABLE for an error of the system that says so; any other error unchanged */
export function asUnwritable(error: unknown, path: string): unknown {
  if (EspalierError.isInstance(error) || !(error instanceof Error) || !('code' in error)) return error;
  const reason = typeof error.code === 'string' ? reasons[error.code] : undefined;
  return reason === undefined ? error : new EspalierError('OUTPUT_NOT_WRITABLE', { path, reason }, { cause: error });
}
