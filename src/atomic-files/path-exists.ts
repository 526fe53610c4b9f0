import { lstat } from 'node:fs/promises';
import { EspalierError } from '../core/index.ts';

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

/** @throws EspalierError OUTPUT_EXISTS when something lies there */
export async function assertFree(path: string): Promise<void> {
  if (await pathExists(path)) throw new EspalierError('OUTPUT_EXISTS', { path });
}
