import type { FileHandle } from 'node:fs/promises';
import type { RowPlace } from '../row.ts';
import { parseJson, type DataFile, type RowAddress, type StoredRow } from './data-file.ts';
import { Spool } from './spool.ts';
import { changed, stampOf } from './text-file.ts';

export interface ConvertedFileOptions {
  readonly stamp: string;
  readonly unit: RowPlace['unit'];
  /** Reads all rows, once. */
  readonly rows: () => AsyncIterable<StoredRow>;
}

/** A file in which no row can be read alone: compressed, a table of columns, or CSV. Rows that are kept are written to a spool. */
export class ConvertedFile implements DataFile {
  readonly path: string;
  readonly unit: RowPlace['unit'];
  readonly rows: () => AsyncIterable<StoredRow>;
  readonly #handle: FileHandle;
  readonly #stamp: string;
  #spool: Spool | undefined;

  constructor(path: string, handle: FileHandle, { stamp, unit, rows }: ConvertedFileOptions) {
    this.path = path;
    this.#handle = handle;
    this.#stamp = stamp;
    this.unit = unit;
    this.rows = rows;
  }

  async keep({ parse }: StoredRow): Promise<RowAddress> {
    this.#spool ??= await Spool.open(`the rows of ${this.path}`);
    return this.#spool.append(JSON.stringify(parse()));
  }

  async readAgain(address: RowAddress, place: RowPlace): Promise<unknown> {
    if (this.#spool === undefined) throw changed(this.path);
    return parseJson(await this.#spool.read(address), place);
  }

  async assertUnchanged(): Promise<void> {
    if ((await stampOf(this.#handle)) !== this.#stamp) throw changed(this.path);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#spool?.[Symbol.asyncDispose]();
    await this.#handle.close();
  }
}
