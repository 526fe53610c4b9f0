import { appendFile, type FileHandle, open, readFile } from 'node:fs/promises';
import { z } from 'zod';
import { newId } from './ids.ts';

const eventSchema = z.object({
  id: z.string(),
  /** Unix time in seconds. */
  createdAt: z.number(),
  level: z.enum(['info', 'warn', 'error']),
  message: z.string(),
  type: z.enum(['message', 'metrics']),
  data: z.record(z.string(), z.unknown()).nullable(),
});

/** An event of a job, as `events.jsonl` has it. */
export type LoggedEvent = Readonly<z.output<typeof eventSchema>>;

export type NewEvent = Pick<LoggedEvent, 'message'> & Partial<Omit<LoggedEvent, 'id' | 'createdAt'>>;

/** A file of lines that only grows. Nothing is read of it before it is used: a folder may have the logs of thousands of jobs. */
export class EventLog {
  readonly #path: string;
  readonly #now: () => number;
  /** WHY: lines are written one after the other, in the order of the calls. */
  #writing: Promise<unknown> = Promise.resolve();

  #isMended = false;

  /** @param now  Unix time in seconds */
  constructor(path: string, now: () => number) {
    this.#path = path;
    this.#now = now;
  }

  /** @throws the errors of the file system */
  add({ message, level = 'info', type = 'message', data = null }: NewEvent): Promise<void> {
    const logged: LoggedEvent = { id: newId('ftevent-'), createdAt: this.#now(), level, message, type, data };
    const writing = this.#writing.then(async () => {
      if (!this.#isMended) await removeUnfinishedLine(this.#path);
      this.#isMended = true;
      await appendFile(this.#path, `${JSON.stringify(logged)}\n`);
    });
    this.#writing = writing.catch(() => undefined);
    return writing;
  }

  /** All events, the oldest first. */
  async list(): Promise<readonly LoggedEvent[]> {
    await this.#writing;
    const text = await readFile(this.#path, 'utf8').catch(() => '');
    return text
      .split('\n')
      .filter((line) => line !== '')
      .flatMap((line) => {
        const read = eventSchema.safeParse(parsed(line));
        return read.success ? [read.data] : [];
      });
  }
}

const chunkBytes = 65_536;

/** Removes a last line that a process did not finish. */
async function removeUnfinishedLine(path: string): Promise<void> {
  const file = await open(path, 'r+').catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (file === undefined) return;
  try {
    const { size } = await file.stat();
    const whole = await endOfLastLine(file, size);
    if (whole < size) await file.truncate(whole);
  } finally {
    await file.close();
  }
}

async function endOfLastLine(file: FileHandle, size: number): Promise<number> {
  const chunk = Buffer.alloc(chunkBytes);
  for (let end = size; end > 0; end -= chunkBytes) {
    const start = Math.max(0, end - chunkBytes);
    const { bytesRead } = await file.read(chunk, 0, end - start, start);
    const found = chunk.subarray(0, bytesRead).lastIndexOf('\n');
    if (found >= 0) return start + found + 1;
  }
  return 0;
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line) as unknown;
  } catch {
    return undefined;
  }
}
