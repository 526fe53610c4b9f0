import type { FileHandle } from 'node:fs/promises';
import { open } from 'node:fs/promises';
import { maxLineBytes } from './audit-record.ts';

/** The end of a file of lines. */
export interface FileEnd {
  readonly size: number;
  /** The last whole line; undefined if there is none. */
  readonly line: Uint8Array | undefined;
  /** What follows it without an end of line: the rest of a write that was cut off. */
  readonly torn: Uint8Array;
}

const lineEnd = 0x0a;

/**
 * Reads the end of a file of lines. WHY not the whole file: it may have a million lines. A last line that is longer than any that was
 * written counts as the last line as far as it was read.
 */
export async function readFileEnd(path: string): Promise<FileEnd> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    const tail = await readTail(file, size, 2 * maxLineBytes);
    const end = tail.lastIndexOf(lineEnd);
    const torn = tail.subarray(end + 1);
    if (end < 0) return { size, line: undefined, torn };
    const start = end === 0 ? -1 : tail.lastIndexOf(lineEnd, end - 1);
    return { size, line: tail.subarray(start + 1, end), torn };
  } finally {
    await file.close();
  }
}

async function readTail(file: FileHandle, size: number, bytes: number): Promise<Buffer> {
  const tail = Buffer.alloc(Math.min(size, bytes));
  let done = 0;
  while (done < tail.length) {
    const { bytesRead } = await file.read(tail, done, tail.length - done, size - tail.length + done);
    if (bytesRead === 0) break;
    done += bytesRead;
  }
  return tail.subarray(0, done);
}
