import { open, rename, rm, type FileHandle } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { asDiskFull } from './disk-full.ts';
import { syncFolder } from './flush.ts';
import { assertFree } from './path-exists.ts';
import { ownMark } from './process-mark.ts';
import { putInFreePlace } from './put-in-place.ts';
import { stagingName } from './staging-name.ts';
import { sweepStaging } from './sweep-staging.ts';
import { asUnwritable } from './unwritable.ts';

export interface WriteAtomicallyOptions {
  /** Whether an existing file is replaced. Default: true. */
  readonly replace?: boolean;
}

/**
 * Calls `write` with a new file beside `path`, flushes the file and renames it to `path`.
 *
 * @throws EspalierError DISK_FULL; OUTPUT_NOT_WRITABLE; OUTPUT_EXISTS if `path` exists and `replace` is false; the errors of `write`. `path` is then unchanged.
 */
export async function writeAtomically(
  path: string,
  write: (handle: FileHandle) => Promise<void>,
  { replace = true }: WriteAtomicallyOptions = {},
): Promise<void> {
  const place = resolve(path);
  const staging = stagingName(place, await ownMark());
  const handle = await openStaging(staging, place, replace);
  try {
    try {
      await write(handle);
      await handle.sync();
    } finally {
      await handle.close();
    }
    if (replace) await rename(staging, place);
    else await putInFreePlace(staging, place);
  } catch (error) {
    const meant = await asDiskFull(error, staging, place);
    await rm(staging, { force: true });
    throw meant;
  }
  await syncFolder(dirname(place));
}

async function openStaging(staging: string, place: string, replace: boolean): Promise<FileHandle> {
  try {
    if (!replace) await assertFree(place);
    await sweepStaging(place);
    return await open(staging, 'wx');
  } catch (error) {
    throw asUnwritable(await asDiskFull(error, staging, place), place);
  }
}
