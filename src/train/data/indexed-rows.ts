import type { FileHandle } from 'node:fs/promises';
import { EspalierError } from '../../core/index.ts';
import { parseJson, readJsonRows } from './read-json-rows.ts';
import { decodeLine, openData, type Line } from './read-lines.ts';
import { RowProblems } from './row-problems.ts';
import type { RowPlace } from './row.ts';
import type { RowSource } from './row-source.ts';

/** How the lines of a file are converted to rows of one kind. */
export interface IndexRowsOptions<Row> {
  /** Checks and encodes a parsed line. It is called again when a row is read again, and must return the same row. */
  readonly encode: (value: unknown, place: RowPlace) => Row;
  /** Called for every row of the first reading. @returns whether the row is to be one of the source */
  readonly accept: (row: Row, place: RowPlace) => boolean;
  readonly lengthOf: (row: Row) => number;
  /** The bytes that an encoded row takes in memory. */
  readonly bytesOf: (row: Row) => number;
  readonly signal?: AbortSignal | undefined;
  /** Encoded rows are kept in memory up to this many bytes together. Later rows are read when they are needed. */
  readonly heldBytes?: number;
}

/** WHY 64 MiB: eight million tokens with their labels, more than most data sets for adapters have. */
const defaultHeldBytes = 64 * 2 ** 20;

/**
 * Reads a JSONL file once, checks every row, and returns a source that reads rows again by their numbers. The source keeps 20 bytes for
 * each row (begin, length and number of its line, and length of the row), and the encoded rows that fit into `heldBytes`. The file
 * stays open if rows have to be read again.
 *
 * @throws EspalierError FILE_NOT_FOUND, DATA_NOT_UTF8, DATA_ROWS_INVALID, and those of `encode` and `accept`
 */
export async function indexRows<Row>(path: string, options: IndexRowsOptions<Row>): Promise<RowSource<Row>> {
  const { heldBytes = defaultHeldBytes, signal } = options;
  const handle = await openData(path);
  try {
    const stamp = await stampOf(handle);
    const index = new RowIndex();
    const held: Row[] = [];
    let bytes = 0;
    const problems = new RowProblems();
    for await (const { parse, place, line } of readJsonRows(path, { signal, handle })) {
      const row = problems.attempt(() => acceptedRow(options, parse(), place));
      if (row === undefined) continue;
      index.add(line, options.lengthOf(row));
      bytes += options.bytesOf(row);
      // WHY only the first rows: no row is more likely than another to be next in a shuffled epoch.
      if (bytes <= heldBytes) held.push(row);
    }
    problems.assertNone();
    if ((await stampOf(handle)) !== stamp) throw changed(path);
    if (held.length === index.count) await handle.close();
    return new IndexedRows({ path, handle, stamp, index, held, encode: options.encode });
  } catch (error) {
    await handle.close();
    throw error;
  }
}

function acceptedRow<Row>({ encode, accept }: IndexRowsOptions<Row>, value: unknown, place: RowPlace): Row | undefined {
  const row = encode(value, place);
  return accept(row, place) ? row : undefined;
}

interface IndexedRowsParts<Row> {
  readonly path: string;
  readonly handle: FileHandle;
  readonly stamp: string;
  readonly index: RowIndex;
  /** The first rows. */
  readonly held: readonly Row[];
  readonly encode: (value: unknown, place: RowPlace) => Row;
}

class IndexedRows<Row> implements RowSource<Row> {
  readonly #parts: IndexedRowsParts<Row>;

  constructor(parts: IndexedRowsParts<Row>) {
    this.#parts = parts;
  }

  get count(): number {
    return this.#parts.index.count;
  }

  lengthOf(index: number): number {
    return this.#parts.index.at(index).rowLength;
  }

  async read(indices: readonly number[]): Promise<readonly Row[]> {
    const { path, handle, stamp, held } = this.#parts;
    if (indices.some((index) => index >= held.length) && (await stampOf(handle)) !== stamp) throw changed(path);
    const rows: Row[] = [];
    for (const index of indices) rows.push(held[index] ?? (await this.#readAgain(index)));
    return rows;
  }

  async #readAgain(index: number): Promise<Row> {
    const { path, handle, encode } = this.#parts;
    const { start, length, number } = this.#parts.index.at(index);
    const bytes = new Uint8Array(length);
    for (let done = 0; done < length;) {
      const { bytesRead } = await handle.read(bytes, done, length - done, start + done);
      if (bytesRead === 0) throw changed(path);
      done += bytesRead;
    }
    const place = { path, unit: 'line', line: number } as const;
    return encode(parseJson(decodeLine(bytes, place), place), place);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#parts.handle.close();
  }
}

/** The places of rows in their file, as numbers in arrays that grow by doubling. */
class RowIndex {
  #starts = new Float64Array(1024);
  /** For each row the length of its line in bytes, the number of the line, and the length of the row. */
  #numbers = new Uint32Array(3 * 1024);
  #count = 0;

  get count(): number {
    return this.#count;
  }

  add({ start, length, number }: Omit<Line, 'text'>, rowLength: number): void {
    if (this.#count === this.#starts.length) this.#grow();
    this.#starts[this.#count] = start;
    this.#numbers.set([length, number, rowLength], 3 * this.#count);
    this.#count += 1;
  }

  at(index: number): Omit<Line, 'text'> & { readonly rowLength: number } {
    if (!(index >= 0 && index < this.#count)) throw new RangeError(`there is no row ${index} of ${this.#count}`);
    const [length = 0, number = 0, rowLength = 0] = this.#numbers.subarray(3 * index, 3 * index + 3);
    return { start: this.#starts[index] ?? 0, length, number, rowLength };
  }

  #grow(): void {
    const [starts, numbers] = [this.#starts, this.#numbers];
    this.#starts = new Float64Array(2 * starts.length);
    this.#numbers = new Uint32Array(2 * numbers.length);
    this.#starts.set(starts);
    this.#numbers.set(numbers);
  }
}

/** Changes whenever a file is written to. */
async function stampOf(handle: FileHandle): Promise<string> {
  const { size, mtimeNs } = await handle.stat({ bigint: true });
  return `${size} ${mtimeNs}`;
}

function changed(path: string): EspalierError {
  return new EspalierError('DATA_CHANGED', { path });
}
