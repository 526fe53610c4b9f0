import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { EspalierError } from '../../../core/index.ts';

/** WHY a limit: each file may have to stay open. */
const mostFiles = 1000;
const dataName = /\.(jsonl|ndjson|json|csv|tsv)(\.gz)?$|\.parquet$/i;

/** Tables of other kinds. WHY refused in folders too: their rows would be missing without a word. */
const foreignName = /\.(arrow|feather|orc|avro|xlsx?|ods)$/i;

/**
 * The files that paths name: a file itself, and of a folder every file of rows in it and in its folders, by name. Hidden files and
 * folders are left out.
 *
 * @throws EspalierError FILE_NOT_FOUND for a path that does not exist or a folder without rows, DATA_FILE_INVALID for too many files, and for tables of a kind
 *   that is not read
 */
export async function listDataFiles(paths: string | readonly string[]): Promise<readonly string[]> {
  const files: string[] = [];
  for (const path of typeof paths === 'string' ? [paths] : paths) {
    const found = await stat(path).catch(() => undefined);
    if (found?.isDirectory() !== true) files.push(readable(path));
    else files.push(...(await filesIn(path)));
    if (files.length > mostFiles) {
      const problem = `more than ${mostFiles} files of rows are there; join some of them`;
      throw new EspalierError('DATA_FILE_INVALID', { path, problem });
    }
  }
  return files;
}

async function filesIn(folder: string): Promise<readonly string[]> {
  const names = await readdir(folder, { recursive: true });
  const shown = names.filter((name) => !name.split(/[/\\]/).some((part) => part.startsWith('.')));
  for (const name of shown) readable(join(folder, name));
  const files = shown.filter((name) => dataName.test(name)).toSorted();
  if (files.length > 0) return files.map((name) => join(folder, name));
  const what = 'file of rows (.jsonl, .json, .csv, .tsv, .parquet) in the folder';
  throw new EspalierError('FILE_NOT_FOUND', { what, path: folder });
}

function readable(path: string): string {
  if (!foreignName.test(path)) return path;
  const problem = 'tables of this kind are not read; save it as Parquet, CSV or JSON lines';
  throw new EspalierError('DATA_FILE_INVALID', { path, problem });
}
