import type { FileHandle } from 'node:fs/promises';
import { parquetMetadataAsync, parquetSchema, type AsyncBuffer, type Compressors, type FileMetaData } from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import { parquetReadAsync } from 'hyparquet/src/read.js';
import { assembleAsync } from 'hyparquet/src/rowgroup.js';
import { messageOf } from '../../../core/index.ts';
import type { StoredRow } from './data-file.ts';
import { invalidFile } from './split-rows.ts';

/** Limits of what a file may ask to be read at once. Writers make groups of some 100 MB, and headings of some kB. */
const limits = { groupBytes: 2 ** 30, groupRows: 10_000_000, footerBytes: 64 * 2 ** 20 };

/**
 * Reads a Parquet file, one group of rows after the other. A group is decoded as a whole.
 *
 * @throws EspalierError DATA_FILE_INVALID
 */
export async function* parquetRows(handle: FileHandle, path: string, size: number): AsyncGenerator<StoredRow> {
  const file = bufferOf(handle, size);
  await checkFooter(file, path);
  const metadata = await orInvalid(path, () => parquetMetadataAsync(file));
  const grouped = metadata.row_groups.reduce((sum, group) => sum + Number(group.num_rows), 0);
  if (grouped !== Number(metadata.num_rows)) {
    throw invalidFile(path, `it says that it has ${metadata.num_rows} rows, and its groups have ${grouped}`);
  }
  let line = 0;
  for (const { total_byte_size: bytes, num_rows: count } of metadata.row_groups) {
    if (bytes > limits.groupBytes || count > limits.groupRows) {
      throw invalidFile(path, `a group of its rows has ${bytes} bytes and ${count} rows; write smaller groups`);
    }
    const group = { start: line, count: Number(count) };
    const columns = await orInvalid(path, () => readGroup(file, metadata, group));
    for (let row = 0; row < group.count; row++) {
      const place = { path, unit: 'row', line: ++line } as const;
      yield { parse: () => rowOf(columns, row), place };
    }
  }
}

interface Column {
  readonly name: string;
  readonly values: readonly unknown[];
}

/**
 * Decodes the columns of a group of rows.
 *
 * WHY the parts of the library and not its `parquetReadObjects`: it starts to decode columns before it looks at all of them, and the
 * failure of one that it then does not wait for would end the process. Here no column gets a byte before each is waited for.
 */
async function readGroup(
  file: AsyncBuffer,
  metadata: FileMetaData,
  { start, count }: { readonly start: number; readonly count: number },
): Promise<readonly Column[]> {
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => (open = resolve));
  const gated: AsyncBuffer = {
    byteLength: file.byteLength,
    slice: (from, to) => opened.then(() => file.slice(from, to)),
  };
  const groups = parquetReadAsync({
    file: gated,
    metadata,
    compressors: boundedCompressors,
    parsers,
    rowStart: start,
    rowEnd: start + count,
  });
  const decoding = Promise.all(groups.flatMap(({ asyncColumns }) => asyncColumns.map(({ data }) => data)));
  open();
  await decoding;
  const schema = parquetSchema(metadata);
  const columns = groups.flatMap((group) => assembleAsync(group, schema, parsers).asyncColumns);
  return Promise.all(
    columns.map(async ({ pathInSchema, data: assembling }) => {
      const { data, skipped } = await assembling;
      const values = data.flatMap((page) => Array.from(page as ArrayLike<unknown>));
      const [name = ''] = pathInSchema;
      if (skipped === 0 && values.length === count) return { name, values };
      throw new Error(`its column "${name.slice(0, 60)}" has ${values.length} values for ${count} rows`);
    }),
  );
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** WHY: the library would replace what is no UTF-8. */
const parsers = { stringFromBytes: (bytes: Uint8Array): string => utf8.decode(bytes) };

/** What no column of text becomes when it is unpacked. */
const most = { ratio: 2000, bytes: 2 ** 20 };

/** WHY: a page says how large it becomes, and a wrong word would take gigabytes. */
const boundedCompressors: Compressors = Object.fromEntries(
  Object.entries(compressors).map(([name, unpack]) => [
    name,
    (input: Uint8Array, length: number) => {
      if (length <= Math.max(most.bytes, most.ratio * input.length)) return unpack(input, length);
      throw new Error(`a page of ${input.length} bytes says that it becomes ${length}`);
    },
  ]),
);

function rowOf(columns: readonly Column[], row: number): unknown {
  return Object.fromEntries(columns.map(({ name, values }) => [name, jsonOf(values[row])]));
}

/**
 * The bytes of a file for the library. A range that lies outside of the file, or that cannot be read, gives fewer bytes, on which the
 * decoding fails. WHY it never rejects: the library does not wait for every range that it asks for.
 */
function bufferOf(handle: FileHandle, byteLength: number): AsyncBuffer {
  const inFile = (offset: number): number => Math.trunc(Math.max(0, Math.min(offset || 0, byteLength)));
  return {
    byteLength,
    async slice(start, end = byteLength) {
      const bytes = new Uint8Array(Math.max(0, inFile(end) - inFile(start)));
      if (bytes.length === 0) return bytes.buffer;
      const { bytesRead } = await handle.read(bytes, 0, bytes.length, inFile(start)).catch(() => ({ bytesRead: 0 }));
      return bytes.buffer.slice(0, bytesRead);
    },
  };
}

/** The letters PAR1. */
const magic = 0x50415231;

/** WHY: the library reads as many bytes as the last words of the file say. */
async function checkFooter(file: AsyncBuffer, path: string): Promise<void> {
  if (file.byteLength < 12) throw invalidFile(path, 'it is shorter than any Parquet file');
  const words = new DataView(await file.slice(file.byteLength - 8));
  if (words.getUint32(4, false) !== magic) throw invalidFile(path, 'its end is missing');
  if (words.getUint32(0, true) > limits.footerBytes) throw invalidFile(path, 'its description is longer than 64 MiB');
}

/** The library fails with errors of many kinds on bytes that are no Parquet. */
async function orInvalid<Result>(path: string, read: () => Promise<Result>): Promise<Result> {
  try {
    return await read();
  } catch (cause) {
    throw invalidFile(path, messageOf(cause), cause);
  }
}

/** Values as JSON has them. A number that a double cannot hold becomes its digits. */
function jsonOf(value: unknown): unknown {
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
  if (value instanceof Date) return value.toISOString();
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  if (ArrayBuffer.isView(value)) return Array.from(value as unknown as ArrayLike<unknown>, jsonOf);
  if (Array.isArray(value)) return value.map(jsonOf);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, jsonOf(member)]));
}
