import { lstat, rename, rm } from 'node:fs/promises';

/**
 * Puts a finished folder in the place of another, or in a free place. The old folder steps aside first, because no rename replaces a
 * folder that is not empty; it comes back on failure.
 *
 * @param staging  beside `path`, on the same disk
 */
export async function replaceFolder(staging: string, path: string): Promise<void> {
  if (!(await pathExists(path))) return rename(staging, path);
  const old = `${staging}.old`;
  await rename(path, old);
  try {
    await rename(staging, path);
  } catch (error) {
    await rename(old, path);
    throw error;
  }
  await rm(old, { recursive: true, force: true });
}

/** Whether anything lies there, a broken link included. Other troubles than absence are errors. */
export async function pathExists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return false;
      throw error;
    },
  );
}
