import { lstat } from 'node:fs/promises';
import { EspalierError } from '../core/index.ts';

/** Whether the path exists; a broken link counts. Throws errors other than absence. */
export async function pathExists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return false;
      throw error;
    },
  );
}

/** @throws EspalierError OUTPUT_EXISTS if the path exists */
export async function assertFree(path: string): Promise<void> {
  if (await pathExists(path)) throw new EspalierError('OUTPUT_EXISTS', { path });
}
