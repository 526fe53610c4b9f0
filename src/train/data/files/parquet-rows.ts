import type { FileHandle } from 'node:fs/promises';
import { parquetMetadataAsync, parquetReadObjects, type AsyncBuffer } from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
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
  let line = 0;
  for (const { total_byte_size: bytes, num_rows: count } of metadata.row_groups) {
    if (bytes > limits.groupBytes || count > limits.groupRows) {
      throw invalidFile(path, `a group of its rows has ${bytes} bytes and ${count} rows; write smaller groups`);
    }
    const [rowStart, rowEnd] = [line, line + Number(count)];
    const rows = await orInvalid(path, () => parquetReadObjects({ file, metadata, compressors, rowStart, rowEnd }));
    for (const row of rows) {
      const place = { path, unit: 'row', line: ++line } as const;
      yield { parse: () => jsonOf(row), place };
    }
  }
}

function bufferOf(handle: FileHandle, byteLength: number): AsyncBuffer {
  return {
    byteLength,
    async slice(start, end = byteLength) {
      const length = Math.max(0, Math.min(end, byteLength) - start);
      const bytes = new Uint8Array(length);
      const { bytesRead } = await handle.read(bytes, 0, length, start);
      if (bytesRead !== length) throw new Error('the file is shorter than it says');
      return bytes.buffer;
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
    throw invalidFile(path, cause instanceof Error ? cause.message : String(cause), cause);
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
