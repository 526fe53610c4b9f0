import { open } from 'node:fs/promises';
import { EspalierError } from '../../core/index.ts';
import type { FormatName } from './formats/row-formats.ts';
import { parseRow } from './parse-row.ts';
import { readRows } from './read-rows.ts';
import { RowProblems } from './row-problems.ts';

export interface CheckRowsOptions {
  /** What errors call the file. */
  readonly name: string;
  readonly signal?: AbortSignal | undefined;
}

/** What is in a file of rows. */
export interface CheckedRows {
  readonly rows: number;
  readonly formats: readonly FormatName[];
}

/** How lists, gzip and Parquet begin. */
const otherStarts = ['[', '\u001f', 'PAR1'];

/**
 * Reads every line of a file as a row, without a tokenizer, and keeps nothing. WHY lines of JSON only: an upload that is packed may grow
 * to any size.
 *
 * @throws EspalierError DATA_FILE_INVALID, DATA_NOT_UTF8, DATA_JSON_BROKEN, DATA_ROW_UNKNOWN, DATA_ROW_INVALID, DATA_ROWS_INVALID,
 *   DATA_EMPTY, with the given name
 */
export async function checkRows(path: string, { name, signal }: CheckRowsOptions): Promise<CheckedRows> {
  try {
    await assertLines(path);
    const problems = new RowProblems();
    const formats = new Set<FormatName>();
    let rows = 0;
    for await (const { parse, place } of readRows(path, { signal })) {
      rows += 1;
      const onFormat = (format: FormatName): void => void formats.add(format);
      problems.attempt(() => parseRow(parse(), { ...place, path: name }, { onFormat }));
    }
    problems.assertNone();
    if (rows === 0) throw new EspalierError('DATA_EMPTY', { path: name });
    return { rows, formats: [...formats] };
  } catch (error) {
    if (!EspalierError.isInstance(error)) throw error;
    throw error.withText((text) => text.replaceAll(path, name));
  }
}

/** @throws EspalierError DATA_FILE_INVALID */
async function assertLines(path: string): Promise<void> {
  await using handle = await open(path);
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(4096), 0, 4096, 0);
  const start = buffer.toString('latin1', 0, bytesRead).trimStart();
  if (!otherStarts.some((other) => start.startsWith(other))) return;
  throw new EspalierError('DATA_FILE_INVALID', { path, problem: 'it must have one JSON object on each line (JSONL)' });
}
