import { lstat, readdir } from 'node:fs/promises';
import { EspalierError } from '../../core/index.ts';

/** Files of which one lies in every adapter and every model. */
const marks: ReadonlySet<string> = new Set(['adapter_config.json', 'config.json']);

/**
 * Refuses to replace what no training wrote. WHY: replacing removes the whole folder, and a path that was mistyped may name a folder
 * of other work.
 *
 * @throws EspalierError OUTPUT_NOT_OURS unless nothing, an empty folder, an adapter or a model lies at the path
 */
export async function assertReplaceable(path: string): Promise<void> {
  const found = await lstat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (found === undefined) return;
  const names = found.isDirectory() ? await readdir(path) : [path];
  if (names.length > 0 && !names.some((name) => marks.has(name))) throw new EspalierError('OUTPUT_NOT_OURS', { path });
}
