import { constants } from 'node:fs';
import { copyFile, mkdir, realpath, rm, stat, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { EspalierError } from '../../core/index.ts';
import {
  formatBytes,
  isDiskFull,
  isUnchanged,
  ownMark,
  stagingName,
  stampOf,
  sweepStaging,
} from '../../atomic-files/index.ts';
import { type BaseFiles, listBaseFiles } from './base-files.ts';

export interface CopyBaseOptions {
  /** Folder that exists and in which the copy is made. Default: the folder for temporary files. */
  readonly folder?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Bytes that are free in a folder; undefined if the system does not say. */
  readonly freeBytes?: (folder: string) => Promise<number | undefined>;
  /** Copies one file. Default: with shared blocks where the file system can. */
  readonly copy?: (from: string, to: string) => Promise<void>;
}

/**
 * A copy of a base's files in a folder that only this process knows. What happens to the original files afterwards does not change the
 * copy. On file systems that can share blocks (btrfs, XFS, APFS) the copy takes no room of its own.
 */
export class PrivateBase implements AsyncDisposable {
  /** The folder of the original. */
  readonly origin: string;
  /** What `openBaseModel` opens. */
  readonly path: string;
  readonly #folder: string;

  private constructor(folder: string, { dir, entry }: BaseFiles) {
    this.#folder = folder;
    this.origin = dir;
    this.path = join(folder, entry);
  }

  /**
   * Copies the base at a path. Copies that ended processes left in the folder are removed first.
   * @throws EspalierError BASE_COPY_NO_ROOM, BASE_COPY_CHANGED, FILE_NOT_FOUND, and those of `listBaseFiles`. No copy is left then.
   */
  static async open(path: string, options: CopyBaseOptions = {}): Promise<PrivateBase> {
    const { folder: given = tmpdir(), signal, freeBytes = freeIn, copy = cloneFile } = options;
    const parent = await realpath(given).catch((cause: unknown) => {
      throw new EspalierError('FILE_NOT_FOUND', { what: 'folder for the copy of the base', path: given }, { cause });
    });
    const files = await listBaseFiles(path);
    const place = join(parent, 'espalier-base');
    await sweepStaging(place);
    const bytes = await sizeOf(files);
    await assertRoom(parent, bytes, freeBytes);
    const folder = stagingName(place, await ownMark());
    await mkdir(folder, { mode: 0o700 });
    try {
      for (const file of files.files) {
        signal?.throwIfAborted();
        await copyUnchanged(join(files.dir, file), join(folder, file), copy);
      }
      return new PrivateBase(folder, files);
    } catch (error) {
      await rm(folder, { recursive: true, force: true });
      if (!isDiskFull(error)) throw error;
      throw noRoom(parent, bytes, await freeBytes(parent), error);
    }
  }

  /** Removes the copy. Dispose what was opened from it before. */
  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true });
  }
}

async function sizeOf({ dir, files }: BaseFiles): Promise<number> {
  const sizes = await Promise.all(files.map(async (file) => (await stat(join(dir, file))).size));
  return sizes.reduce((sum, size) => sum + size, 0);
}

async function freeIn(folder: string): Promise<number | undefined> {
  const disk = await statfs(folder).catch(() => undefined);
  return disk && disk.bavail * disk.bsize;
}

async function assertRoom(folder: string, bytes: number, freeBytes: typeof freeIn): Promise<void> {
  const free = await freeBytes(folder);
  if (free !== undefined && free < bytes) throw noRoom(folder, bytes, free);
}

function noRoom(folder: string, bytes: number, free: number | undefined, cause?: unknown): EspalierError {
  const details = { folder, needed: formatBytes(bytes), free: free === undefined ? 'fewer' : formatBytes(free) };
  return new EspalierError('BASE_COPY_NO_ROOM', details, { cause });
}

function cloneFile(from: string, to: string): Promise<void> {
  return copyFile(from, to, constants.COPYFILE_FICLONE);
}

/** Copies one file, and checks that nothing wrote to it meanwhile. @throws EspalierError BASE_COPY_CHANGED */
async function copyUnchanged(from: string, to: string, copy: typeof cloneFile): Promise<void> {
  const before = stampOf(await stat(from, { bigint: true }));
  await mkdir(dirname(to), { recursive: true });
  await copy(from, to);
  const after = stampOf(await stat(from, { bigint: true }));
  if (!isUnchanged(before, after)) throw new EspalierError('BASE_COPY_CHANGED', { path: from });
}
