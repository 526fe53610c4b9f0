import { mkdir, open, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { randomUUID } from 'node:crypto';
import { encodeEvent, type EventContent } from './event.ts';
import { frameRecord } from './record.ts';

/** Seconds since 1970, injected so that tests know what is written. */
export type WallClock = () => number;

/** Appends events to a file that TensorBoard reads while it grows. */
export class EventFile implements AsyncDisposable {
  readonly path: string;
  readonly #file: FileHandle;
  readonly #now: WallClock;

  private constructor(path: string, file: FileHandle, now: WallClock) {
    this.path = path;
    this.#file = file;
    this.#now = now;
  }

  /**
   * Creates a new file in a folder, which is made if it is not there. Other files in it are left as they are: TensorBoard takes all of
   * them as one run.
   *
   * @throws the error of the file system
   */
  static async create(folder: string, now: WallClock = () => Date.now() / 1000): Promise<EventFile> {
    await mkdir(folder, { recursive: true });
    // WHY ten digits first: TensorBoard reads the files of a folder in the order of their names.
    const begun = String(Math.floor(now())).padStart(10, '0');
    const path = join(folder, `events.out.tfevents.${begun}.espalier.${randomUUID().slice(0, 8)}`);
    const file = new EventFile(path, await open(path, 'wx'), now);
    try {
      await file.append(0, { kind: 'version' });
      return file;
    } catch (error) {
      await file[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Call it again only when the last call has ended. */
  async append(step: number, content: EventContent): Promise<void> {
    await this.#file.appendFile(frameRecord(encodeEvent({ seconds: this.#now(), step }, content)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close();
  }
}
