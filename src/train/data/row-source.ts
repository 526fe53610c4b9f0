/** Rows that were read and checked once, and are read again when they are needed. */
export interface RowSource<Row> extends AsyncDisposable {
  /** How many there are. Rows are numbered from 0 in the order of their file. */
  readonly count: number;
  /** The length by which rows are grouped. Known without reading the row. */
  lengthOf(index: number): number;
  /**
   * The rows of these numbers, in this order.
   * @throws EspalierError DATA_CHANGED when the file is no longer the one that was checked
   */
  read(indices: readonly number[]): Promise<readonly Row[]>;
}
