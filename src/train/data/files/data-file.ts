import { EspalierError, messageOf, Pace, parseWithNumbers } from '../../../core/index.ts';
import type { RowPlace } from '../row.ts';

/** A row as it lies in a file, not yet parsed. */
export interface StoredRow {
  /** @throws EspalierError DATA_JSON_BROKEN, DATA_NOT_UTF8 */
  readonly parse: () => unknown;
  readonly place: RowPlace;
}

/** Where a row can be read again. */
export interface RowAddress {
  readonly start: number;
  readonly length: number;
}

/**
 * An open file of rows, whatever its form. Rows are read once in their order. Those that were kept can be read again by their address.
 */
export interface DataFile<Stored extends StoredRow = StoredRow> extends AsyncDisposable {
  readonly path: string;
  /** What its rows are counted in. */
  readonly unit: RowPlace['unit'];
  rows(): AsyncIterable<Stored>;
  /** Makes a row of the reading under way one that can be read again. */
  keep(row: Stored): Promise<RowAddress>;
  /** @throws EspalierError DATA_CHANGED */
  readAgain(address: RowAddress, place: RowPlace): Promise<unknown>;
  /** @throws EspalierError DATA_CHANGED when the file was written to since it was opened */
  assertUnchanged(): Promise<void>;
}

/** Passes rows on, ends with the signal, and lets other tasks run in between. */
export async function* inTurns<Stored>(
  rows: AsyncIterable<Stored>,
  signal: AbortSignal | undefined,
): AsyncGenerator<Stored> {
  const pace = new Pace();
  for await (const row of rows) {
    signal?.throwIfAborted();
    yield row;
    // The time that the consumer of the rows takes counts too.
    const turn = pace.step();
    if (turn) await turn;
  }
}

/** @throws EspalierError DATA_JSON_BROKEN */
export function parseJson(text: string, place: RowPlace): unknown {
  try {
    // WHY only these: how other numbers are written makes no difference, and rows of numbers are long.
    return /"(?:role|from)"/.test(text) ? parseWithNumbers(text) : JSON.parse(text);
  } catch (cause) {
    const problem = messageOf(cause);
    throw new EspalierError('DATA_JSON_BROKEN', { ...place, problem }, { cause });
  }
}
