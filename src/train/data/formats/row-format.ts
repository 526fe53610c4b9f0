import type { Fields } from '../../../chat/index.ts';
import type { Row, RowPlace } from '../row.ts';

/** A way to write rows. */
export interface RowFormat {
  /** What a row of it has, for errors. */
  readonly description: string;
  /** Whether a row has the fields that only this format has. */
  readonly fits: (row: Fields) => boolean;
  /** Every field that it reads, of any row or of this one, and those that change nothing. */
  readonly fields: readonly string[] | ((row: Fields) => readonly string[]);
  /** @throws EspalierError DATA_ROW_INVALID */
  readonly read: (row: Fields, place: RowPlace, options: ReadFormatOptions) => Row;
}

export interface ReadFormatOptions {
  /** Whether a row with a chosen and a rejected answer gives the chosen one; else it is refused. */
  readonly chosen?: boolean | undefined;
  /** Told of a field of a message that no format has. */
  readonly onUnknown?: ((field: string) => void) | undefined;
}
