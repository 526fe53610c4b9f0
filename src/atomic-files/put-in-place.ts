import { rename, rm } from 'node:fs/promises';
import { EspalierError } from '../core/index.ts';
import { renameBy } from '../native/index.ts';
import { assertFree, pathExists } from './path-exists.ts';
import { oldEnding } from './staging-name.ts';

/**
 * Renames a finished file or folder to a path that does not exist yet.
 *
 * @param staging  in the folder of `path`, and thus on the same disk
 * @throws EspalierError OUTPUT_EXISTS; the existing file or folder is not changed
 */
export async function putInFreePlace(staging: string, path: string): Promise<void> {
  const outcome = renameBy('exclusive', staging, path);
  if (outcome === 'done') return;
  if (outcome === 'exists') throw new EspalierError('OUTPUT_EXISTS', { path });
  // WHY a check first: a plain rename silently replaces a file or an empty folder.
  await assertFree(path);
  await rename(staging, path);
}

/**
 * Replaces a folder by a finished one, or puts it at a free path. On systems that can exchange two names, `path` exists at every
 * moment. On others the old folder is renamed first, because a rename cannot replace a folder that is not empty. On failure the
 * old folder is renamed back; after a crash, `sweepStaging` does that.
 *
 * @param staging  in the folder of `path`, and thus on the same disk
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
