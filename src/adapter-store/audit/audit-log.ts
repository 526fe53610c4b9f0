import { mkdir, open, rename, truncate, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { onDisk } from '../../native/index.ts';
import { systemTimers, type Timers } from '../timers.ts';
import { auditFiles, currentFile, fullName, tornName } from './audit-files.ts';
import { formatRecord, hashOfLine, noLine, parseRecord, type AuditEntry } from './audit-record.ts';
import { readFileEnd, type FileEnd } from './last-line.ts';

/** The file that is written to. Tests give one whose disk is full. */
export interface AppendedFile {
  /** Appends, and returns how many bytes were written. */
  write(bytes: Uint8Array): Promise<number>;
  /** Resolves when everything that was written would survive a power failure. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

export interface AuditLogOptions {
  /** The folder of the record. */
  readonly folder: string;
  /** Called when the record cannot be written (with the error), and when it can be written again (without). */
  readonly onProblem: (error: unknown) => void;
  /** Bytes after which a new file is begun. Default: 64 MiB. */
  readonly maxBytes?: number | undefined;
  /** Records that may wait while the record cannot be written. Default: 10,000. */
  readonly maxWaiting?: number | undefined;
  /** Milliseconds since 1970. */
  readonly now?: (() => number) | undefined;
  readonly timers?: Timers | undefined;
  readonly openFile?: ((path: string) => Promise<AppendedFile>) | undefined;
}

const retryMs = 1000;

const defaultBytes = 64 * 2 ** 20;

/** Lines that are written before the file is flushed. */
const linesPerFlush = 1000;

interface WaitingLine {
  readonly seq: number;
  readonly bytes: Uint8Array;
}

interface Chain {
  readonly seq: number;
  readonly hash: string;
  readonly size: number;
}

/**
 * An append-only record of lines, each with the hash of the line before. Lines are written in the order of the calls, whole, and
 * flushed. While the disk is full they wait; the callers never do. If more wait than may, the number of those that were lost becomes
 * a record of its own.
 */
export class AuditLog implements AsyncDisposable {
  readonly #options: AuditLogOptions;
  readonly #now: () => number;
  readonly #maxWaiting: number;
  #file: AppendedFile | undefined;
  #seq: number;
  #hash: string;
  #size: number;
  readonly #waiting: WaitingLine[] = [];
  /** Bytes of the first waiting line that were written already. */
  #offset = 0;
  /** The last record of which the whole line was written. */
  #written: number;
  #lost = 0;
  #writing: Promise<void> | undefined;
  #retry: Disposable | undefined;
  #isBroken = false;
  #isClosed = false;

  private constructor(options: AuditLogOptions, { seq, hash, size }: Chain) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
    this.#maxWaiting = options.maxWaiting ?? 10_000;
    this.#seq = seq;
    this.#written = seq;
    this.#hash = hash;
    this.#size = size;
  }

  /**
   * Goes on with the record of a folder. The rest of a last line that was cut off is kept in a file of its own, and a record says so.
   * @throws the errors of the file system
   */
  static async open(options: AuditLogOptions): Promise<AuditLog> {
    const { folder, now = Date.now } = options;
    const { size, line, torn } = await recover(options);
    const last = line && parseRecord(Buffer.from(line).toString('utf8'));
    const hash = line === undefined ? noLine : hashOfLine(line);
    await mkdir(folder, { recursive: true });
    const log = new AuditLog(options, { seq: last?.seq ?? 0, hash, size });
    const isUnreadable = line !== undefined && last === undefined;
    log.append({
      time: new Date(now()).toISOString(),
      actor: 'audit',
      event: 'audit',
      result: torn !== undefined || isUnreadable ? 'failed' : 'done',
      reason: isUnreadable ? 'opened after a line that is no record' : 'opened',
      ...(torn && { message: `The last line was cut off. Its ${torn.bytes} bytes are kept in ${torn.name}.` }),
    });
    return log;
  }

  /** Adds a record. Never throws and never waits. */
  append(entry: AuditEntry): void {
    if (this.#isClosed) return;
    if (this.#waiting.length >= this.#maxWaiting) this.#lost++;
    else this.#enqueue(entry);
    this.#write();
  }

  #enqueue(entry: AuditEntry): void {
    const line = formatRecord({ seq: ++this.#seq, ...entry, prev: this.#hash });
    this.#hash = hashOfLine(line);
    this.#waiting.push({ seq: this.#seq, bytes: Buffer.from(`${line}\n`) });
  }

  /** Resolves when everything that was added so far is on the disk, or cannot be written now. */
  async settled(): Promise<void> {
    await this.#writing;
  }

  #write(): void {
    if (this.#writing !== undefined || this.#retry !== undefined) return;
    this.#writing = this.#writeAll().finally(() => {
      this.#writing = undefined;
      if (this.#waiting.length > 0 && !this.#isBroken) this.#write();
    });
  }

  async #writeAll(): Promise<void> {
    try {
      while (this.#waiting.length > 0 || this.#lost > 0) {
        await this.#writeLines();
        this.#tellLost();
      }
      if (this.#isBroken) this.#options.onProblem(undefined);
      this.#isBroken = false;
    } catch (error) {
      if (!this.#isBroken) this.#options.onProblem(error);
      this.#isBroken = true;
      if (this.#isClosed) return;
      this.#retry = (this.#options.timers ?? systemTimers).after(retryMs, () => {
        this.#retry = undefined;
        this.#write();
      });
    }
  }

  async #writeLines(): Promise<void> {
    for (let left = linesPerFlush; left > 0;) {
      const first = this.#waiting[0];
      if (first === undefined) break;
      const file = await this.#fileFor(first);
      const bytes = Buffer.concat(this.#linesThatFit(left)).subarray(this.#offset);
      left -= this.#advance(await file.write(bytes));
    }
    await this.#file?.sync();
  }

  /** The next lines for one file, of which the first may have been written in part. WHY together: each call of the system takes time. */
  #linesThatFit(most: number): Uint8Array[] {
    const { maxBytes = defaultBytes } = this.#options;
    let size = this.#size - this.#offset;
    const next = this.#waiting.slice(0, most).map(({ bytes }) => bytes);
    const beyond = next.findIndex((bytes, index) => (size += bytes.length) > maxBytes && index > 0);
    return beyond < 0 ? next : next.slice(0, beyond);
  }

  /** @returns how many lines have been written to their end */
  #advance(written: number): number {
    this.#size += written;
    this.#offset += written;
    let count = 0;
    for (let first = this.#waiting[0]; first && this.#offset >= first.bytes.length; first = this.#waiting[0]) {
      this.#offset -= first.bytes.length;
      this.#written = first.seq;
      this.#waiting.shift();
      count++;
    }
    return count;
  }

  #tellLost(): void {
    if (this.#lost === 0 || this.#waiting.length >= this.#maxWaiting) return;
    const lost = this.#lost;
    this.#lost = 0;
    const time = new Date(this.#now()).toISOString();
    const reason = 'records were lost while the record could not be written';
    this.#enqueue({ time, actor: 'audit', event: 'audit', result: 'failed', reason, details: { lost } });
  }

  /** A line is never divided between two files. */
  async #fileFor({ bytes }: WaitingLine): Promise<AppendedFile> {
    const { folder, maxBytes = defaultBytes, openFile = openAppended } = this.#options;
    const path = join(folder, currentFile);
    if (this.#offset === 0 && this.#size > 0 && this.#size + bytes.length > maxBytes) {
      await this.#file?.sync();
      await this.#file?.close();
      this.#file = undefined;
      await rename(path, join(folder, fullName(this.#written)));
      this.#size = 0;
    }
    return (this.#file ??= await openFile(path));
  }

  /** Writes what waits, and closes the file. What cannot be written is told to `onProblem`. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.#writing;
    this.#retry?.[Symbol.dispose]();
    this.#retry = undefined;
    this.#write();
    await this.#writing;
    await this.#file?.close();
  }
}

interface Torn {
  readonly name: string;
  readonly bytes: number;
}

/** The end of the record, of which the rest of a last line that was cut off has been moved to a file of its own. */
async function recover(
  options: AuditLogOptions,
): Promise<{ readonly size: number; readonly line: Uint8Array | undefined; readonly torn?: Torn | undefined }> {
  const files = await auditFiles(options.folder);
  const newest = files.at(-1);
  if (newest === undefined) return { size: 0, line: undefined };
  const end = await readFileEnd(newest);
  const torn = end.torn.length === 0 ? undefined : await setAside(newest, end, options);
  const line = end.line ?? (await lastLineOf(files.slice(0, -1)));
  const isCurrent = basename(newest) === currentFile;
  return { size: isCurrent ? end.size - (torn?.bytes ?? 0) : 0, line, torn };
}

async function setAside(path: string, end: FileEnd, { folder, now = Date.now }: AuditLogOptions): Promise<Torn> {
  const name = tornName(now());
  // WHY the whole file: none of what was read of it is a line, and more may come before that.
  const bytes = end.line === undefined ? end.size : end.torn.length;
  if (bytes === end.size) await rename(path, join(folder, name));
  else {
    await writeFile(join(folder, name), end.torn, { flush: true });
    await truncate(path, end.size - bytes);
  }
  return { name, bytes };
}

async function lastLineOf(files: readonly string[]): Promise<Uint8Array | undefined> {
  for (const path of files.toReversed()) {
    const { line } = await readFileEnd(path);
    if (line !== undefined) return line;
  }
  return undefined;
}

/** What is written is flushed in the same job of the disk. */
async function openAppended(path: string): Promise<AppendedFile> {
  const handle = await open(path, 'a', 0o640);
  let isFlushed = true;
  return {
    async write(bytes) {
      const { written, ...flushed } = await onDisk('append', handle.fd, bytes);
      isFlushed &&= flushed.isFlushed;
      return written;
    },
    async sync() {
      // WHY again: this one tells the error.
      if (!isFlushed) await onDisk('flushData', handle.fd);
      isFlushed = true;
    },
    close: () => handle.close(),
  };
}
