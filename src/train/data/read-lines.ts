import { open, type FileHandle } from 'node:fs/promises';
import { EspalierError } from '../../core/index.ts';
import type { RowPlace } from './row.ts';

export interface Line {
  readonly text: string;
  /** Counted from 1. */
  readonly number: number;
  /** The bytes [start, start + length) of the file, without the line feed. */
  readonly start: number;
  readonly length: number;
}

const newline = 0x0a;
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Reads a file line by line, as strict UTF-8, without having all of it in memory. A byte order mark at the beginning and a carriage
 * return at the end of a line are removed.
 *
 * @param handle  an open handle of the file, to read through; it stays open
 * @throws EspalierError FILE_NOT_FOUND, DATA_NOT_UTF8
 */
export async function* readLines(path: string, handle?: FileHandle): AsyncGenerator<Line> {
  let [number, start] = [0, 0];
  let rest: Uint8Array[] = [];
  const take = (last: Uint8Array): Line => {
    const bytes = rest.length === 0 ? last : Buffer.concat([...rest, last]);
    rest = [];
    const line = { number: ++number, start, length: bytes.length };
    start += bytes.length + 1;
    return { ...line, text: decodeLine(bytes, { path, unit: 'line', line: number }) };
  };
  for await (const chunk of chunksOf(path, handle)) {
    let from = 0;
    for (let end = chunk.indexOf(newline); end >= 0; end = chunk.indexOf(newline, from)) {
      yield take(chunk.subarray(from, end));
      from = end + 1;
    }
    if (from < chunk.length) rest.push(chunk.subarray(from));
  }
  const last = rest.pop();
  if (last !== undefined) yield take(last);
}

/**
 * The text of a line's bytes.
 * @throws EspalierError DATA_NOT_UTF8
 */
export function decodeLine(bytes: Uint8Array, place: RowPlace): string {
  try {
    const text = utf8.decode(bytes);
    return text.slice(place.line === 1 && text.startsWith('\ufeff') ? 1 : 0).replace(/\r$/, '');
  } catch (cause) {
    throw new EspalierError('DATA_NOT_UTF8', { ...place }, { cause });
  }
}

/** @throws EspalierError FILE_NOT_FOUND */
export async function openData(path: string): Promise<FileHandle> {
  return open(path, 'r').catch((cause: unknown) => {
    throw notFound(path, cause);
  });
}

async function* chunksOf(path: string, given: FileHandle | undefined): AsyncGenerator<Uint8Array> {
  const handle = given ?? (await openData(path));
  try {
    const stream = handle.createReadStream({ autoClose: false, start: 0 });
    for await (const chunk of stream) if (chunk instanceof Uint8Array) yield chunk;
  } catch (cause) {
    if (!(cause instanceof Error) || !('syscall' in cause)) throw cause;
    throw notFound(path, cause);
  } finally {
    if (given === undefined) await handle.close();
  }
}

function notFound(path: string, cause: unknown): EspalierError {
  return new EspalierError('FILE_NOT_FOUND', { what: 'file of training data', path }, { cause });
}
