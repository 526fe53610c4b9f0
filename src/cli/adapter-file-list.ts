import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { EspalierError } from '../core/index.ts';

/** The files that lie in a folder, without hidden ones, or the one file. */
export async function filesAt(place: string): Promise<readonly string[]> {
  const found = await stat(place).catch((cause: unknown) => {
    throw new EspalierError('FILE_NOT_FOUND', { what: 'adapter', path: place }, { cause });
  });
  if (!found.isDirectory()) return [place];
  const entries = await readdir(place, { withFileTypes: true });
  const files = entries.filter((entry) => !entry.isDirectory() && !entry.name.startsWith('.'));
  if (files.length === 0) throw new EspalierError('FILE_NOT_FOUND', { what: 'files of an adapter', path: place });
  return files.map((entry) => join(place, entry.name));
}
