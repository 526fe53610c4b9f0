import { lstat, readdir, statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { EspalierError } from '../core/index.ts';

/** Whether an error says that a disk or a quota is full. */
export function isDiskFull(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return code === 'ENOSPC' || code === 'EDQUOT' || code === 'DISK_FULL';
}

/**
 * Converts an error that occurred while `staging` was being written for `path`. Call it before `staging` is removed.
 *
 * @returns EspalierError DISK_FULL for a full disk; any other error unchanged
 */
export async function asDiskFull(error: unknown, staging: string, path: string): Promise<unknown> {
  if (!isDiskFull(error)) return error;
  const folder = dirname(path);
  if (EspalierError.isInstance(error)) {
    // A file inside the folder did not fit and has already been removed. Its error has the right counts.
    const { written = 0, free = 0 } = error.details;
    return new EspalierError('DISK_FULL', { what: path, folder, written, free }, { cause: error });
  }
  const disk = await statfs(folder).catch(() => undefined);
  const free = disk === undefined ? 'an unknown number of bytes' : formatBytes(disk.bavail * disk.bsize);
  const written = formatBytes(await sizeOf(staging));
  return new EspalierError('DISK_FULL', { what: path, folder, written, free }, { cause: error });
}

/** Bytes of a file, or of all files in a folder. A missing path has 0. */
async function sizeOf(path: string): Promise<number> {
  const found = await lstat(path).catch(() => undefined);
  if (found === undefined) return 0;
  if (!found.isDirectory()) return found.size;
  const sizes = await Promise.all((await readdir(path)).map((name) => sizeOf(join(path, name))));
  return sizes.reduce((sum, size) => sum + size, 0);
}

/** Formats bytes in powers of 1000, as disks are labelled: `1.5 GB`. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  const power = Math.min(units.length - 1, bytes < 1 ? 0 : Math.floor(Math.log10(bytes) / 3));
  return `${(bytes / 1000 ** power).toFixed(power === 0 ? 0 : 1)} ${units[power]}`;
}
