import { lstat, readdir } from 'node:fs/promises';
import { EspalierError } from '../../core/index.ts';

/** Every adapter and every model contains one of these files. */
const marks: ReadonlySet<string> = new Set(['adapter_config.json', 'config.json']);

/**
 * Refuses to replace a folder that no training wrote. WHY: the whole folder would be removed, and a mistyped path may name a folder of
 * other work.
 *
 * @throws EspalierError OUTPUT_NOT_OURS unless the path is free or names an empty folder, an adapter or a model
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
