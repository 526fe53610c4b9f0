import type { FileHandle } from 'node:fs/promises';
import { EspalierError, Pace } from '../../core/index.ts';
import { readLines, type Line } from './read-lines.ts';
import type { RowPlace } from './row.ts';

/** A row of a JSONL file, not yet parsed. */
export interface JsonRow {
  /** @throws EspalierError DATA_JSON_BROKEN */
  readonly parse: () => unknown;
  readonly place: RowPlace;
  /** The place of its bytes. */
  readonly line: Pick<Line, 'number' | 'start' | 'length'>;
}

export interface ReadJsonRowsOptions {
  readonly signal?: AbortSignal | undefined;
  /** An open handle of the file, to read through. */
  readonly handle?: FileHandle;
}

/**
 * Reads a JSONL file row by row. Blank lines are skipped.
 * @throws EspalierError FILE_NOT_FOUND, DATA_NOT_UTF8 with file and line
 */
export async function* readJsonRows(
  path: string,
  { signal, handle }: ReadJsonRowsOptions = {},
): AsyncGenerator<JsonRow> {
  const pace = new Pace();
  for await (const line of readLines(path, handle)) {
    signal?.throwIfAborted();
    if (line.text.trim() === '') continue;
    const place = { path, unit: 'line', line: line.number } as const;
    yield { parse: () => parseJson(line.text, place), place, line };
    // The time that the consumer of the rows takes counts too.
    const turn = pace.step();
    if (turn) await turn;
  }
}

/** @throws EspalierError DATA_JSON_BROKEN */
export function parseJson(text: string, place: RowPlace): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const problem = cause instanceof Error ? cause.message : String(cause);
    throw new EspalierError('DATA_JSON_BROKEN', { ...place, problem }, { cause });
  }
}
