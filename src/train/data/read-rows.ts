import { inTurns, type StoredRow } from './files/data-file.ts';
import { listDataFiles } from './files/list-data-files.ts';
import { openDataFile } from './files/open-data-file.ts';

/**
 * Reads the rows of files once, one file after the other.
 * @throws EspalierError FILE_NOT_FOUND, DATA_FILE_INVALID
 */
export async function* readRows(
  paths: string | readonly string[],
  { signal }: { readonly signal?: AbortSignal | undefined } = {},
): AsyncGenerator<StoredRow> {
  for (const path of await listDataFiles(paths)) {
    await using file = await openDataFile(path);
    yield* inTurns(file.rows(), signal);
  }
}

/** The paths as an error names them. */
export function namesOf(paths: string | readonly string[]): string {
  return typeof paths === 'string' ? paths : paths.join(', ');
}
