import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { EspalierError } from '../../core/index.ts';
import { auditFiles } from './audit-files.ts';
import { hashOfLine, maxLineBytes, noLine, parseRecord, type AuditRecord } from './audit-record.ts';

/** A place at which the record is not what was written. */
export interface AuditProblem {
  readonly file: string;
  /** Counts from 1. */
  readonly line: number;
  readonly problem: string;
}

export interface AuditReport {
  readonly records: number;
  /** The number of the first record: more than 1 if older files have been taken away. 0 if there is no record. */
  readonly first: number;
  /** The hash of the last line. Whoever keeps it notices later that lines were removed at the end. */
  readonly head: string;
  readonly problems: readonly AuditProblem[];
}

/** Problems after which no more are listed. */
const maxProblems = 100;

/**
 * Reads an audit record from its beginning, and checks that no line was changed, removed, added or moved. Lines that were removed at the
 * end cannot be noticed without the hash of a line that was there.
 *
 * @param path  the folder of a store or of a record, or one file of it
 * @param each  called with each line that is a record, in order
 * @throws EspalierError FILE_NOT_FOUND
 */
export async function readAudit(path: string, each: (record: AuditRecord) => void): Promise<AuditReport> {
  const chain = new ChainCheck();
  for (const file of await filesAt(path)) {
    let line = 0;
    for await (const { bytes, isWhole } of linesOf(file)) {
      const record = isWhole ? parseRecord(bytes.toString('utf8')) : undefined;
      chain.add({ file, line: ++line, bytes, isWhole, record });
      if (record !== undefined) each(record);
    }
  }
  return chain.report;
}

async function filesAt(path: string): Promise<readonly string[]> {
  const found = await stat(path).catch((cause: unknown) => {
    throw new EspalierError('FILE_NOT_FOUND', { what: 'audit record', path }, { cause });
  });
  if (!found.isDirectory()) return [path];
  const files = await auditFiles(path);
  if (files.length === 0) throw new EspalierError('FILE_NOT_FOUND', { what: 'audit record', path });
  return files;
}

interface RawLine {
  readonly bytes: Buffer;
  /** Whether it has an end, and is no longer than lines of a record are. */
  readonly isWhole: boolean;
}

/** WHY no readline: it also divides at characters that a text in a record may contain. */
async function* linesOf(file: string): AsyncGenerator<RawLine> {
  let begun = Buffer.alloc(0);
  let isTooLong = false;
  for await (const chunk of createReadStream(file) as AsyncIterable<Buffer>) {
    let start = 0;
    for (let end = chunk.indexOf(0x0a); end >= 0; end = chunk.indexOf(0x0a, start)) {
      yield { bytes: Buffer.concat([begun, chunk.subarray(start, end)]), isWhole: !isTooLong };
      [begun, isTooLong, start] = [Buffer.alloc(0), false, end + 1];
    }
    const rest = Buffer.concat([begun, chunk.subarray(start)]);
    isTooLong ||= rest.length > maxLineBytes;
    begun = isTooLong ? Buffer.alloc(0) : rest;
  }
  if (begun.length > 0 || isTooLong) yield { bytes: begun, isWhole: false };
}

interface Line extends RawLine {
  readonly file: string;
  readonly line: number;
  readonly record: AuditRecord | undefined;
}

class ChainCheck {
  readonly #problems: AuditProblem[] = [];
  #records = 0;
  #first = 0;
  #hash: string | undefined;
  #seq: number | undefined;

  add({ file, line, bytes, isWhole, record }: Line): void {
    const problem = record === undefined ? (isWhole ? 'it is no record' : 'it is cut off') : this.#problemOf(record);
    if (problem !== undefined && this.#problems.length < maxProblems) this.#problems.push({ file, line, problem });
    if (record !== undefined && this.#records++ === 0) this.#first = record.seq;
    this.#hash = hashOfLine(bytes);
    this.#seq = record?.seq ?? this.#seq;
  }

  #problemOf({ seq, prev }: AuditRecord): string | undefined {
    if (this.#hash === undefined) {
      // One file of several begins in the middle.
      return seq === 1 && prev !== noLine ? 'the first record names a line before it' : undefined;
    }
    if (prev !== this.#hash) return 'the line before it is not the one that was written';
    const expected = (this.#seq ?? 0) + 1;
    return seq === expected ? undefined : `it has the number ${seq}, expected ${expected}`;
  }

  get report(): AuditReport {
    return { records: this.#records, first: this.#first, head: this.#hash ?? noLine, problems: this.#problems };
  }
}
