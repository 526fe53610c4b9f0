import { breathe, EspalierError } from '../../core/index.ts';
import { readLines } from './read-lines.ts';
import type { RowPlace } from './row.ts';

/** A row of a JSONL file, parsed and otherwise as it is. */
export interface JsonRow {
  readonly value: unknown;
  readonly place: RowPlace;
}

/** How long rows are worked on before the event loop turns; the time of who takes them counts too. */
const sliceMs = 2;

/**
 * Reads a JSONL file row by row. Blank lines are skipped.
 * @throws EspalierError FILE_NOT_FOUND, DATA_NOT_UTF8, DATA_JSON_BROKEN with file and line
 */
export async function* readJsonRows(
  path: string,
  { signal }: { signal?: AbortSignal | undefined } = {},
): AsyncGenerator<JsonRow> {
  let sliceEnd = performance.now() + sliceMs;
  for await (const { text, number } of readLines(path)) {
    signal?.throwIfAborted();
    if (text.trim() === '') continue;
    const place = { path, line: number };
    yield { value: parse(text, place), place };
    if (performance.now() < sliceEnd) continue;
    await breathe();
    sliceEnd = performance.now() + sliceMs;
  }
}

function parse(text: string, place: RowPlace): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const problem = cause instanceof Error ? cause.message : String(cause);
    throw new EspalierError('DATA_JSON_BROKEN', { ...place, problem }, { cause });
  }
}
