import { rename, rm } from 'node:fs/promises';
import { EspalierError } from '../core/index.ts';
import { renameBy } from '../native/index.ts';
import { assertFree, pathExists } from './path-exists.ts';
import { oldEnding } from './staging-name.ts';

/**
 * Lets a finished file or folder appear at a place that is free.
 *
 * @param staging  beside `path`, on the same disk
 * @throws EspalierError OUTPUT_EXISTS; what lies there stays
 */
export async function putInFreePlace(staging: string, path: string): Promise<void> {
  const outcome = renameBy('exclusive', staging, path);
  if (outcome === 'done') return;
  if (outcome === 'exists') throw new EspalierError('OUTPUT_EXISTS', { path });
  // WHY asked first: a plain rename takes the place of a file or of an empty folder without a word.
  await assertFree(path);
  await rename(staging, path);
}

/**
 * Lets a finished folder take the place of another, or a free place. Where the system can exchange two names, no moment exists at
 * which nothing lies at `path`. Elsewhere the old folder steps aside first, because no rename replaces a folder that is not
 * empty; it comes back on failure, and `sweepStaging` brings it back after a crash.
 *
 * @param staging  beside `path`, on the same disk
 */
export async function replaceFolder(staging: string, path: string): Promise<void> {
  if (renameBy('exchange', staging, path) === 'done') {
    await rm(staging, { recursive: true, force: true });
    return;
  }
  if (!(await pathExists(path))) return rename(staging, path);
  const old = `${staging}${oldEnding}`;
  await rename(path, old);
  try {
    await rename(staging, path);
  } catch (error) {
    await rename(old, path);
    throw error;
  }
  await rm(old, { recursive: true, force: true });
}
