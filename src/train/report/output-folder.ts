import { lstat, mkdir, open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { EspalierError } from '../../core/index.ts';

/**
 * An output folder that appears whole or not at all: it grows under a hidden name beside its place and is renamed.
 */
export class OutputFolder {
  /** Where it is to appear. */
  readonly path: string;
  /** Where it grows. */
  readonly staging: string;

  private constructor(path: string) {
    this.path = path;
    this.staging = join(dirname(path), `.${basename(path)}.partial-${process.pid}`);
  }

  /**
   * Checks the place and begins the folder.
   * @throws EspalierError OUTPUT_EXISTS before anything is written
   */
  static async begin(path: string): Promise<OutputFolder> {
    const folder = new OutputFolder(resolve(path));
    await assertFree(folder.path);
    await mkdir(folder.staging, { recursive: true });
    return folder;
  }

  /** Lets the folder appear. `source` is the finished folder inside `staging`. */
  async publish(source: string): Promise<void> {
    await assertFree(this.path);
    await rename(source, this.path);
    const parent = await open(dirname(this.path), 'r');
    try {
      await parent.sync();
    } finally {
      await parent.close();
    }
    await this.discard();
  }

  /** Removes what has grown so far. */
  async discard(): Promise<void> {
    await rm(this.staging, { recursive: true, force: true });
  }
}

async function assertFree(path: string): Promise<void> {
  const found = await lstat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (found !== undefined) throw new EspalierError('OUTPUT_EXISTS', { path });
}
