import { EspalierError } from '../../../core/index.ts';
import type { RowPlace } from '../row.ts';

/** The bytes of one row. */
export interface RowBytes {
  readonly bytes: Uint8Array;
  /** Counted from 1. */
  readonly number: number;
  /** Where they begin in the text. */
  readonly start: number;
}

/** WHY a limit: a row is held in memory, and no context is so long. */
const longestRow = 64 * 2 ** 20;

const [newline, space, quote, backslash, comma] = [0x0a, 0x20, 0x22, 0x5c, 0x2c];
const [openList, closeList, openObject, closeObject] = [0x5b, 0x5d, 0x7b, 0x7d];

/** The bytes that have come of a row, over several chunks. */
class Pending {
  readonly #path: string;
  #parts: Uint8Array[] = [];
  #length = 0;

  constructor(path: string) {
    this.#path = path;
  }

  get length(): number {
    return this.#length;
  }

  /** @throws EspalierError DATA_FILE_INVALID */
  add(part: Uint8Array): void {
    if (part.length === 0) return;
    this.#length += part.length;
    if (this.#length > longestRow) throw invalidFile(this.#path, 'a row of it is longer than 64 MiB');
    this.#parts.push(part);
  }

  take(last: Uint8Array): Uint8Array {
    this.add(last);
    const [only = last, ...others] = this.#parts;
    const bytes = others.length === 0 ? only : Buffer.concat(this.#parts);
    this.#parts = [];
    this.#length = 0;
    return bytes;
  }
}

/** Divides a text into its lines, without their line feeds. */
export async function* splitLines(chunks: AsyncIterable<Uint8Array>, path: string): AsyncGenerator<RowBytes> {
  let [number, start] = [0, 0];
  const pending = new Pending(path);
  const take = (last: Uint8Array): RowBytes => {
    const bytes = pending.take(last);
    const row = { bytes, number: ++number, start };
    start += bytes.length + 1;
    return row;
  };
  for await (const chunk of chunks) {
    let from = 0;
    for (let end = chunk.indexOf(newline); end >= 0; end = chunk.indexOf(newline, from)) {
      yield take(chunk.subarray(from, end));
      from = end + 1;
    }
    pending.add(chunk.subarray(from));
  }
  if (pending.length > 0) yield take(new Uint8Array());
}

/**
 * Divides the text of a JSON list into its items, without parsing them: it only follows strings and brackets. All bytes of JSON's own
 * signs are ASCII, so a character of several bytes is never mistaken for one.
 *
 * @throws EspalierError DATA_FILE_INVALID for a list that does not end, or for something behind it
 */
export async function* splitList(chunks: AsyncIterable<Uint8Array>, path: string): AsyncGenerator<RowBytes> {
  const pending = new Pending(path);
  let [depth, number, offset, start] = [0, 0, 0, 0];
  let [isText, isEscaped, isDone] = [false, false, false];
  for await (const chunk of chunks) {
    let from = 0;
    for (let at = 0; at < chunk.length; at++) {
      const byte = chunk[at] ?? 0;
      if (isText) {
        if (isEscaped) isEscaped = false;
        else if (byte === backslash) isEscaped = true;
        else if (byte === quote) isText = false;
        continue;
      }
      if (isDone) {
        if (byte > space) throw invalidFile(path, 'something follows its list');
        continue;
      }
      if (byte === quote) isText = true;
      else if (byte === openList || byte === openObject) {
        depth += 1;
        if (depth === 1) [from, start] = [at + 1, offset + at + 1];
      } else if (depth === 1 && (byte === comma || byte === closeList)) {
        const bytes = pending.take(chunk.subarray(from, at));
        const isEmpty = byte === closeList && number === 0 && isBlank(bytes);
        if (!isEmpty) yield { bytes, number: ++number, start };
        [from, start] = [at + 1, offset + at + 1];
        if (byte === closeList) [isDone, depth] = [true, 0];
      } else if (byte === closeList || byte === closeObject) depth -= 1;
    }
    if (depth > 0) pending.add(chunk.subarray(from));
    offset += chunk.length;
  }
  if (!isDone) throw invalidFile(path, 'its list has no end');
}

/** Whether there is only white space, or a byte order mark. */
export function isBlank(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === space || (byte >= 0x09 && byte <= 0x0d) || mark.includes(byte));
}

const mark = [0xef, 0xbb, 0xbf];

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * The text of a row's bytes, without a byte order mark before the first row.
 * @throws EspalierError DATA_NOT_UTF8
 */
export function decodeRow(bytes: Uint8Array, place: RowPlace): string {
  try {
    const text = utf8.decode(bytes);
    return place.line === 1 && text.startsWith('\ufeff') ? text.slice(1) : text;
  } catch (cause) {
    throw new EspalierError('DATA_NOT_UTF8', { ...place }, { cause });
  }
}

export function invalidFile(path: string, problem: string, cause?: unknown): EspalierError {
  return new EspalierError('DATA_FILE_INVALID', { path, problem }, cause === undefined ? {} : { cause });
}
