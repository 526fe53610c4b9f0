import { createReadStream } from 'node:fs';

import { EspalierError } from '../../core/index.ts';

export interface Line {
  readonly text: string;
  /** Counted from 1. */
  readonly number: number;
}

const newline = 0x0a;

/**
 * Reads a file line by line, as strict UTF-8, without ever holding all of it. A byte order mark at the beginning and a
 * carriage return at the end of a line are left out.
 *
 * @throws EspalierError FILE_NOT_FOUND, DATA_NOT_UTF8
 */
export async function* readLines(path: string): AsyncGenerator<Line> {
  const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  let number = 0;
  const decode = (bytes: Uint8Array): Line => {
    number++;
    try {
      const text = utf8.decode(bytes);
      return { text: text.slice(number === 1 && text.startsWith('\ufeff') ? 1 : 0).replace(/\r$/, ''), number };
    } catch (cause) {
      throw new EspalierError('DATA_NOT_UTF8', { path, line: number }, { cause });
    }
  };
  let rest: Uint8Array[] = [];
  for await (const chunk of chunksOf(path)) {
    let start = 0;
    for (let end = chunk.indexOf(newline); end >= 0; end = chunk.indexOf(newline, start)) {
      yield decode(Buffer.concat([...rest, chunk.subarray(start, end)]));
      rest = [];
      start = end + 1;
    }
    if (start < chunk.length) rest.push(chunk.subarray(start));
  }
  if (rest.length > 0) yield decode(Buffer.concat(rest));
}

async function* chunksOf(path: string): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of createReadStream(path)) if (chunk instanceof Uint8Array) yield chunk;
  } catch (cause) {
    if (!(cause instanceof Error) || !('syscall' in cause)) throw cause;
    throw new EspalierError('FILE_NOT_FOUND', { what: 'file of training data', path }, { cause });
  }
}
