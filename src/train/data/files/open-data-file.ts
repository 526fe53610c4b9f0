import type { FileHandle } from 'node:fs/promises';
import { extname } from 'node:path';
import { ConvertedFile } from './converted-file.ts';
import { csvRows } from './csv-rows.ts';
import type { DataFile, StoredRow } from './data-file.ts';
import { gunzip, notFound, openBytes, readBytes } from './file-bytes.ts';
import { parquetRows } from './parquet-rows.ts';
import { jsonRows, stampOf, TextFile, unitOf, type TextForm } from './text-file.ts';

/**
 * Opens a file of rows: JSON in lines or in a list, CSV, Parquet; the texts also in gzip. Gzip and Parquet are known by their first
 * bytes, CSV by its name, and a list of JSON by its bracket.
 *
 * @throws EspalierError FILE_NOT_FOUND, DATA_FILE_INVALID
 */
export async function openDataFile(path: string): Promise<DataFile> {
  const handle = await openBytes(path);
  try {
    return await identify(path, handle);
  } catch (error) {
    await handle.close();
    throw error;
  }
}

async function identify(path: string, handle: FileHandle): Promise<DataFile> {
  const stamp = await stampOf(handle);
  const { size } = await handle.stat();
  const first = await firstBytes(handle, path);
  if (first.toString('latin1', 0, 4) === 'PAR1') {
    return new ConvertedFile(path, handle, { stamp, unit: 'row', rows: () => parquetRows(handle, path, size) });
  }
  const isGzip = first[0] === 0x1f && first[1] === 0x8b;
  const delimiter = delimiterOf(path);
  if (!isGzip && delimiter === undefined) {
    return new TextFile(path, handle, { stamp, form: formOf(path, first) });
  }
  const chunks = (): AsyncIterable<Uint8Array> =>
    isGzip ? gunzip(readBytes(handle, path), { path, size }) : readBytes(handle, path);
  if (delimiter !== undefined) {
    return new ConvertedFile(path, handle, { stamp, unit: 'row', rows: () => csvRows(chunks(), path, { delimiter }) });
  }
  const form = formOf(path, await firstOf(chunks()));
  const rows = (): AsyncIterable<StoredRow> => jsonRows(chunks(), path, form);
  return new ConvertedFile(path, handle, { stamp, unit: unitOf(form), rows });
}

/** Blank space before a list is not longer. */
const sniffed = 4096;

async function firstBytes(handle: FileHandle, path: string): Promise<Buffer> {
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(sniffed), 0, sniffed, 0);
    return buffer.subarray(0, bytesRead);
  } catch (cause) {
    throw notFound(path, cause);
  }
}

async function firstOf(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  for await (const chunk of chunks) return chunk.subarray(0, sniffed);
  return new Uint8Array();
}

function nameOf(path: string): string {
  return path.toLowerCase().replace(/\.gz$/, '');
}

function delimiterOf(path: string): ',' | '\t' | undefined {
  const extension = extname(nameOf(path));
  return extension === '.csv' ? ',' : extension === '.tsv' ? '\t' : undefined;
}

/** WHY the name too: a line of a .jsonl file may be a list, which is then an error of that line. */
function formOf(path: string, first: Uint8Array): TextForm {
  const text = new TextDecoder().decode(first).replace(/^\ufeff/, '');
  const isLines = /\.(jsonl|ndjson)$/.test(nameOf(path));
  return !isLines && text.trimStart().startsWith('[') ? 'list' : 'lines';
}
