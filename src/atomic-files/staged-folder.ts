import { mkdir, rm } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { asDiskFull } from './disk-full.ts';
import { lockOutput } from './file-lock.ts';
import { flushFolder, syncFolder } from './flush.ts';
import { assertFree } from './path-exists.ts';
import { ownMark } from './process-mark.ts';
import { putInFreePlace, replaceFolder } from './put-in-place.ts';
import { assertReplaceable, type Replacement } from './replaceable.ts';
import { stagingName } from './staging-name.ts';
import { sweepStaging } from './sweep-staging.ts';
import { asUnwritable } from './unwritable.ts';

export interface StagedFolderOptions {
  /** What the new folder holds, if it may replace an old folder with the same. Absent: the path must be free. */
  readonly replace?: Replacement | undefined;
  /** Whether the output path is locked meanwhile, so that a second writer fails before it starts. Default: false. */
  readonly exclusive?: boolean;
}

/** A folder that appears complete or not at all. It is written under a hidden name in the same parent folder, and then renamed. */
export class StagedFolder implements AsyncDisposable {
  /** The final path of the folder. */
  readonly path: string;
  /** The path of the folder while it is being written. */
  readonly staging: string;
  readonly #replace: Replacement | undefined;
  readonly #lock: AsyncDisposable | undefined;

  private constructor(
    path: string,
    staging: string,
    own: { replace: Replacement | undefined; lock: AsyncDisposable | undefined },
  ) {
    this.path = path;
    this.staging = staging;
    this.#replace = own.replace;
    this.#lock = own.lock;
  }

  /**
   * Checks the final path, removes files that ended processes left beside it, and creates the staging folder.
   * @throws EspalierError OUTPUT_EXISTS, OUTPUT_NOT_OURS, OUTPUT_NOT_WRITABLE, OUTPUT_BUSY before anything is written
   */
  static async begin(path: string, options: StagedFolderOptions = {}): Promise<StagedFolder> {
    const place = resolve(path);
    try {
      return await StagedFolder.#begin(place, options);
    } catch (error) {
      throw asUnwritable(await asDiskFull(error, place, place), place);
    }
  }

  static async #begin(place: string, { replace, exclusive = false }: StagedFolderOptions): Promise<StagedFolder> {
    await assertGiven(place, replace);
    const lock = exclusive ? await lockOutput(place) : undefined;
    try {
      await sweepStaging(place);
      const folder = new StagedFolder(place, stagingName(place, await ownMark()), { replace, lock });
      await mkdir(folder.staging, { recursive: true });
      return folder;
    } catch (error) {
      await lock?.[Symbol.asyncDispose]();
      throw error;
    }
  }

  /**
   * Flushes the finished folder and renames it to its final path.
   *
   * @param source  `staging`, or a folder inside it
   * @throws EspalierError OUTPUT_EXISTS, OUTPUT_NOT_OURS, DISK_FULL; an existing folder at `path` is then unchanged
   */
  async publish(source: string = this.staging): Promise<void> {
    try {
      await flushFolder(source);
      // WHY again: others may have put files there meanwhile.
      await assertGiven(this.path, this.#replace);
      await (this.#replace ? replaceFolder(source, this.path) : putInFreePlace(source, this.path));
    } catch (error) {
      throw await this.explain(error);
    }
    await syncFolder(dirname(this.path));
    await this.discard();
  }

  /** Converts an error that occurred while the folder was written: DISK_FULL for a full disk; any other error unchanged. */
  explain(error: unknown): Promise<unknown> {
    return asDiskFull(error, this.staging, this.path);
  }

  /** Removes the unfinished folder and releases the lock of the output path. */
  async discard(): Promise<void> {
    await rm(this.staging, { recursive: true, force: true });
    await this.#lock?.[Symbol.asyncDispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.discard();
  }
}

function assertGiven(place: string, replace: Replacement | undefined): Promise<void> {
  return replace === undefined ? assertFree(place) : assertReplaceable(place, replace);
}

/**
 * Creates a folder that appears complete or not at all.
 *
 * @param fill  writes into the staging folder; its result is returned
 * @throws EspalierError OUTPUT_EXISTS, OUTPUT_NOT_OURS, OUTPUT_BUSY before anything is written; DISK_FULL; the errors of `fill`. An existing folder at
 *   `path` is then unchanged.
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
