import { mkdir } from 'node:fs/promises';
import { lockOutput } from '../../atomic-files/index.ts';
import { EspalierError } from '../../core/index.ts';
import type { Layout } from './layout.ts';

/** Locks a store for this process. @throws EspalierError STORE_BUSY */
export async function lockStore({ dir, server }: Layout): Promise<AsyncDisposable> {
  await mkdir(dir, { recursive: true });
  try {
    return await lockOutput(server);
  } catch (error) {
    if (!EspalierError.isInstance(error) || error.code !== 'OUTPUT_BUSY') throw error;
    const { pid = 'unknown' } = error.details;
    throw new EspalierError('STORE_BUSY', { dir, pid }, { cause: error });
  }
}
