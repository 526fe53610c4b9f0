import { appendFile, readFile, truncate } from 'node:fs/promises';
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

/** A file of lines that only grows. */
export class EventLog {
  readonly #path: string;
  readonly #now: () => number;
  /** WHY: lines are written one after the other, in the order of the calls. */
  #writing: Promise<unknown> = Promise.resolve();

  private constructor(path: string, now: () => number) {
    this.#path = path;
    this.#now = now;
  }

  /** Opens a log, and removes a last line that a process did not finish. @param now  Unix time in seconds */
  static async open(path: string, now: () => number): Promise<EventLog> {
    const bytes = await readFile(path).catch(() => Buffer.alloc(0));
    const whole = bytes.lastIndexOf('\n') + 1;
    if (whole < bytes.length) await truncate(path, whole);
    return new EventLog(path, now);
  }

  /** @throws the errors of the file system */
  add({ message, level = 'info', type = 'message', data = null }: NewEvent): Promise<void> {
    const logged: LoggedEvent = { id: newId('ftevent-'), createdAt: this.#now(), level, message, type, data };
    const writing = this.#writing.then(() => appendFile(this.#path, `${JSON.stringify(logged)}\n`));
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

function parsed(line: string): unknown {
  try {
    return JSON.parse(line) as unknown;
  } catch {
    return undefined;
  }
}
