import { inTurns, type DataFile, type RowAddress, type StoredRow } from './files/data-file.ts';
import { listDataFiles } from './files/list-data-files.ts';
import { openDataFile } from './files/open-data-file.ts';
import { RowProblems } from './row-problems.ts';
import type { RowPlace } from './row.ts';
import type { RowSource } from './row-source.ts';

/** How the lines of a file are converted to rows of one kind. */
export interface IndexRowsOptions<Row> {
  /** Checks and encodes a parsed line. It is called again when a row is read again, and must return the same rows. */
  readonly encode: (value: unknown, place: RowPlace) => readonly Row[];
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
 * Reads files once, checks every row, and returns a source that reads rows again by their numbers. The source keeps 28 bytes for each
 * row (begin, length and number of the row in its file, the file, and the length of the encoded row), and the encoded rows that fit
 * into `heldBytes`. A file stays open if rows of it have to be read again.
 *
 * @throws EspalierError FILE_NOT_FOUND, DATA_FILE_INVALID, DATA_NOT_UTF8, DATA_ROWS_INVALID, and those of `encode` and `accept`
 */
export async function indexRows<Row>(
  paths: string | readonly string[],
  options: IndexRowsOptions<Row>,
): Promise<RowSource<Row>> {
  const files: DataFile[] = [];
  const indexing = new Indexing(options);
  try {
    for (const path of await listDataFiles(paths)) {
      const file = await openDataFile(path);
      files.push(file);
      const isNeeded = await indexing.add(file, files.length - 1);
      if (!isNeeded) await file[Symbol.asyncDispose]();
    }
    indexing.problems.assertNone();
    return new IndexedRows({ ...indexing, files, encode: options.encode });
  } catch (error) {
    await disposeAll(files);
    throw error;
  }
}

/** The first reading of files. */
class Indexing<Row> {
  readonly index = new RowIndex();
  readonly held: Row[] = [];
  readonly problems = new RowProblems();
  readonly #options: IndexRowsOptions<Row>;
  #bytes = 0;

  constructor(options: IndexRowsOptions<Row>) {
    this.#options = options;
  }

  /** @returns whether rows of the file have to be read again */
  async add(file: DataFile, number: number): Promise<boolean> {
    const { heldBytes = defaultHeldBytes, lengthOf, bytesOf, signal } = this.#options;
    let isNeeded = false;
    for await (const stored of inTurns(file.rows(), signal)) {
      const rows = this.problems.attempt(() => acceptedRows(this.#options, stored)) ?? [];
      let address: RowAddress | undefined;
      for (const { row, part } of rows) {
        this.#bytes += bytesOf(row);
        // WHY only the first rows: no row is more likely than another to be next in a shuffled epoch.
        const isHeld = this.#bytes <= heldBytes;
        if (isHeld) this.held.push(row);
        else isNeeded = true;
        if (!isHeld) address ??= await file.keep(stored);
        const { line } = stored.place;
        this.index.add({
          ...(isHeld ? nowhere : (address ?? nowhere)),
          line,
          file: number,
          part,
          rowLength: lengthOf(row),
        });
      }
    }
    await file.assertUnchanged();
    return isNeeded;
  }
}

/** The address of a row that is never read again. */
const nowhere: RowAddress = { start: 0, length: 0 };

async function disposeAll(files: readonly DataFile[]): Promise<void> {
  await Promise.all(files.map((file) => file[Symbol.asyncDispose]()));
}

/** The rows of a line that are to be in the source, each with its place among all rows of the line. */
function acceptedRows<Row>(
  { encode, accept }: IndexRowsOptions<Row>,
  { parse, place }: StoredRow,
): { readonly row: Row; readonly part: number }[] {
  return [...encode(parse(), place).entries()]
    .filter(([, row]) => accept(row, place))
    .map(([part, row]) => ({ row, part }));
}

interface IndexedRowsParts<Row> {
  readonly files: readonly DataFile[];
  readonly index: RowIndex;
  /** The first rows. */
  readonly held: readonly Row[];
  readonly encode: (value: unknown, place: RowPlace) => readonly Row[];
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
    const { files, held, index } = this.#parts;
    const needed = new Set(indices.filter((row) => row >= held.length).map((row) => index.at(row).file));
    for (const file of needed) await files[file]?.assertUnchanged();
    const rows: Row[] = [];
    for (const row of indices) rows.push(held[row] ?? (await this.#readAgain(row)));
    return rows;
  }

  async #readAgain(row: number): Promise<Row> {
    const { files, index, encode } = this.#parts;
    const { file: number, line, part, ...address } = index.at(row);
    const file = files[number];
    if (file === undefined) throw new RangeError(`there is no file ${number} of ${files.length}`);
    const place = { path: file.path, unit: file.unit, line };
    const again = encode(await file.readAgain(address, place), place)[part];
    if (again === undefined) throw new RangeError(`line ${line} has no row ${part} any more`);
    return again;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await disposeAll(this.#parts.files);
  }
}

/** What is kept of a row. */
interface IndexedRow extends RowAddress {
  /** The number of its line or row in the file. */
  readonly line: number;
  readonly file: number;
  /** Its place among the rows of its line. */
  readonly part: number;
  readonly rowLength: number;
}

const perRow = 5;

/** The places of rows in their files, as numbers in arrays that grow by doubling. */
class RowIndex {
  #starts = new Float64Array(1024);
  /** For each row its length in bytes, its line, its file, its place in the line, and the length of the encoded row. */
  #numbers = new Uint32Array(perRow * 1024);
  #count = 0;

  get count(): number {
    return this.#count;
  }

  add({ start, length, line, file, part, rowLength }: IndexedRow): void {
    if (this.#count === this.#starts.length) this.#grow();
    this.#starts[this.#count] = start;
    this.#numbers.set([length, line, file, part, rowLength], perRow * this.#count);
    this.#count += 1;
  }

  at(index: number): IndexedRow {
    if (!(index >= 0 && index < this.#count)) throw new RangeError(`there is no row ${index} of ${this.#count}`);
    const numbers = this.#numbers.subarray(perRow * index, perRow * (index + 1));
    const [length = 0, line = 0, file = 0, part = 0, rowLength = 0] = numbers;
    return { start: this.#starts[index] ?? 0, length, line, file, part, rowLength };
  }

  #grow(): void {
    const [starts, numbers] = [this.#starts, this.#numbers];
    this.#starts = new Float64Array(2 * starts.length);
    this.#numbers = new Uint32Array(2 * numbers.length);
    this.#starts.set(starts);
    this.#numbers.set(numbers);
  }
}
