import { type FileHandle, open } from 'node:fs/promises';
import { basename } from 'node:path';
import { auditFiles, lastSeqOf } from './audit-files.ts';
import { type AuditRecord, maxLineBytes, parseRecord } from './audit-record.ts';

export interface AuditPageQuery {
  /** Only records with smaller numbers. Default: up to the last one. */
  readonly before?: number | undefined;
  /** Most records of a page. */
  readonly limit: number;
  /** Which records are wanted. Default: all. */
  readonly matches?: ((record: AuditRecord) => boolean) | undefined;
  /** Most bytes that are read for a page. Default: 4 MiB. */
  readonly maxBytes?: number | undefined;
  /** Lists the files of the record. A test can change them between the list and its use. */
  readonly list?: typeof auditFiles | undefined;
}

/** A part of the record, the latest first. */
export interface AuditPage {
  readonly records: readonly AuditRecord[];
  /** `before` of the next page. undefined: the record begins here. */
  readonly before: number | undefined;
}

const chunkBytes = maxLineBytes;
const lineEnd = 0x0a;

/**
 * Reads records backwards from a place, without a look at the chain. WHY bounded by bytes: records that are wanted may be rare, and a page must not take as
 * long as the whole record. A page can therefore hold few records, or none, and still have a next one.
 *
 * @param folder  of the record. None, or one without a record, is an empty page.
 */
export async function readAuditPage(folder: string, query: AuditPageQuery): Promise<AuditPage> {
  const { limit, before = Infinity, matches = () => true, maxBytes = 4 * 2 ** 20, list = auditFiles } = query;
  const records: AuditRecord[] = [];
  let [read, oldest] = [0, before];
  /** Records with smaller numbers have not been read yet. */
  let bound = before;
  let files = await list(folder);
  for (let file = newestBelow(files, bound); file !== undefined; file = newestBelow(files, bound)) {
    for await (const line of linesBackwards(file.path)) {
      if (seqOf(line) >= before) continue;
      read += line.length + 1;
      const record = parseRecord(line.toString('utf8'));
      // WHY: a record that is added while this one is read is newer than the place.
      if (record !== undefined && record.seq < oldest) {
        oldest = record.seq;
        if (matches(record)) records.push(record);
      }
      if (oldest === 1) return { records, before: undefined };
      if (records.length === limit || read >= maxBytes) return { records, before: oldest };
    }
    bound = Math.min(bound, oldest);
    const now = await list(folder);
    // WHY not otherwise: the file that was listed may have got its final name meanwhile, and still be unread.
    if (now.join() === files.join()) bound = Math.min(bound, file.after + 1);
    files = now;
  }
  return { records, before: undefined };
}

/** The newest file that may have smaller numbers, and the number after which its records begin. @param files  from the oldest */
function newestBelow(files: readonly string[], bound: number): { path: string; after: number } | undefined {
  const begins = files.map((path, at) => ({ path, after: at === 0 ? 0 : lastSeqOf(basename(files[at - 1] ?? '')) }));
  return begins.findLast(({ after }) => after + 1 < bound);
}

/** The number of a record, without a look at the rest of its line; NaN for a line that is no record. */
function seqOf(line: Buffer): number {
  return Number(/^\{"seq":(\d+)/.exec(line.toString('latin1', 0, 32))?.[1]);
}

/** The whole lines of a file from its end. A last line without an end is being written, and is left out. */
async function* linesBackwards(path: string): AsyncGenerator<Buffer> {
  const file = await openIfThere(path);
  if (file === undefined) return;
  try {
    let at = (await file.stat()).size;
    let rest = Buffer.alloc(0);
    let isTail = true;
    while (at > 0) {
      const size = Math.min(chunkBytes, at);
      at -= size;
      const chunk = Buffer.concat([await readAt(file, at, size), rest]);
      let end = chunk.length;
      for (let start = chunk.lastIndexOf(lineEnd); start >= 0; start = chunk.lastIndexOf(lineEnd, start - 1)) {
        if (!isTail) yield chunk.subarray(start + 1, end);
        [isTail, end] = [false, start];
        if (start === 0) break;
      }
      rest = Buffer.from(chunk.subarray(0, end));
      // WHY: a line that is longer than any of ours is none. What is left of it is not a record either.
      if (rest.length > 2 * maxLineBytes) rest = Buffer.alloc(0);
    }
    if (!isTail) yield rest;
  } finally {
    await file.close();
  }
}

/** @returns undefined if the file got its final name meanwhile, under which it is listed again */
async function openIfThere(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, 'r');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

async function readAt(file: FileHandle, position: number, size: number): Promise<Buffer> {
  const chunk = Buffer.alloc(size);
  const { bytesRead } = await file.read(chunk, 0, size, position);
  return chunk.subarray(0, bytesRead);
}
