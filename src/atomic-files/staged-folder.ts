import { mkdir, rm } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { asDiskFull } from './disk-full.ts';
import { lockOutput } from './file-lock.ts';
import { flushFolder, syncFolder } from './flush.ts';
import { assertFree } from './path-exists.ts';
import { ownMark } from './process-mark.ts';
import { putInFreePlace, replaceFolder } from './put-in-place.ts';
import { stagingName } from './staging-name.ts';
import { sweepStaging } from './sweep-staging.ts';

export interface StagedFolderOptions {
  /** Take the place of a folder that is there. Default: false. */
  readonly replace?: boolean;
  /** Let nobody else write this output meanwhile, so that a second writer is told at its beginning. Default: false. */
  readonly exclusive?: boolean;
}

/** A folder that appears whole or not at all: it grows under a hidden name beside its place, and is renamed. */
export class StagedFolder implements AsyncDisposable {
  /** Where it is to appear. */
  readonly path: string;
  /** Where it grows. */
  readonly staging: string;
  readonly #replace: boolean;
  readonly #lock: AsyncDisposable | undefined;

  private constructor(path: string, staging: string, own: { replace: boolean; lock: AsyncDisposable | undefined }) {
    this.path = path;
    this.staging = staging;
    this.#replace = own.replace;
    this.#lock = own.lock;
  }

  /**
   * Checks the place, removes what ended processes left beside it, and begins the folder.
   * @throws EspalierError OUTPUT_EXISTS, OUTPUT_BUSY before anything is written
   */
  static async begin(
    path: string,
    { replace = false, exclusive = false }: StagedFolderOptions = {},
  ): Promise<StagedFolder> {
    const place = resolve(path);
    if (!replace) await assertFree(place);
    const lock = exclusive ? await lockOutput(place) : undefined;
    try {
      await sweepStaging(place);
      const folder = new StagedFolder(place, stagingName(place, await ownMark()), { replace, lock });
      await mkdir(folder.staging, { recursive: true });
      return folder;
    } catch (error) {
      await lock?.[Symbol.asyncDispose]();
      throw await asDiskFull(error, place, place);
    }
  }

  /**
   * Flushes the finished folder and lets it appear.
   *
   * @param source  `staging`, or a folder inside it
   * @throws EspalierError OUTPUT_EXISTS, DISK_FULL; what was at `path` stays then
   */
  async publish(source: string = this.staging): Promise<void> {
    try {
      await flushFolder(source);
      await (this.#replace ? replaceFolder(source, this.path) : putInFreePlace(source, this.path));
    } catch (error) {
      throw await this.explain(error);
    }
    await syncFolder(dirname(this.path));
    await this.discard();
  }

  /** What an error means that came while the folder grew: DISK_FULL for a full disk, and every other error as it is. */
  explain(error: unknown): Promise<unknown> {
    return asDiskFull(error, this.staging, this.path);
  }

  /** Removes what has grown so far, and lets others write the output. */
  async discard(): Promise<void> {
    await rm(this.staging, { recursive: true, force: true });
    await this.#lock?.[Symbol.asyncDispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.discard();
  }
}

/**
 * Makes a folder that appears whole or not at all.
 *
 * @param fill  writes into a hidden folder beside the place; what it returns is given back
 * @throws EspalierError OUTPUT_EXISTS, OUTPUT_BUSY before anything is written; DISK_FULL; what `fill` throws. What was at `path` stays then.
 */
export async function publishFolder<Result>(
  path: string,
  fill: (staging: string) => Promise<Result>,
  options: StagedFolderOptions = {},
): Promise<Result> {
  await using folder = await StagedFolder.begin(path, options);
  try {
    const result = await fill(folder.staging);
    await folder.publish();
    return result;
  } catch (error) {
    throw await folder.explain(error);
  }
}
