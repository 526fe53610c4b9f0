import { createReadStream } from 'node:fs';
import { mkdtemp, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { z } from 'zod';
import { publishFolder } from '../../atomic-files/index.ts';
import { EspalierError } from '../../core/index.ts';
import { checkRows } from '../../train/index.ts';
import { newId } from '../records/ids.ts';
import { type JobsLayout, readRecords } from '../records/job-folder.ts';

/** What a file is for. Uploads are `fine-tune`; what a job writes is `fine-tune-results`. */
export const filePurposes = ['fine-tune', 'fine-tune-results'] as const;

const fileSchema = z.object({
  id: z.string(),
  filename: z.string(),
  purpose: z.enum(filePurposes),
  bytes: z.number().int(),
  /** Unix time in seconds. */
  createdAt: z.number().int(),
  /** The key that sent it; null: one without a name. */
  owner: z.string().nullable(),
});

/** What is kept of a file, as `file.json`. */
export type FileRecord = Readonly<z.output<typeof fileSchema>>;

/** A file that was received, in the staging folder. */
export interface ReceivedFile {
  readonly path: string;
  readonly filename: string;
  readonly owner: string | null;
}

export interface FileLimits {
  /** Most files. */
  readonly count: number;
  /** Most bytes of all files together. */
  readonly bytes: number;
}

const defaultLimits: FileLimits = { count: 1000, bytes: 64 * 2 ** 30 };
const content = 'content.jsonl';

export interface FileFolderOptions {
  readonly layout: JobsLayout;
  /** Unix time in seconds. */
  readonly now: () => number;
  readonly limits?: FileLimits | undefined;
}

/** The uploaded files: each in a folder of its own, which appears complete or not at all. */
export class FileFolder {
  readonly #options: FileFolderOptions;
  readonly #files: Map<string, FileRecord>;

  private constructor(options: FileFolderOptions, files: readonly FileRecord[]) {
    this.#options = options;
    this.#files = new Map(files.map((file) => [file.id, file]));
  }

  /** @throws EspalierError JOBS_UNREADABLE */
  static async open(options: FileFolderOptions): Promise<FileFolder> {
    const files = await readRecords(options.layout.files, 'file.json', fileSchema);
    return new FileFolder(
      options,
      files.toSorted((a, b) => a.createdAt - b.createdAt),
    );
  }

  /** In the order in which they came. */
  list(): readonly FileRecord[] {
    return [...this.#files.values()];
  }

  find(id: string): FileRecord | undefined {
    return this.#files.get(id);
  }

  /** Where its rows are. */
  pathOf(id: string): string {
    return join(this.#options.layout.files, id, content);
  }

  /**
   * Checks each line of a received file, and keeps the file.
   * @throws EspalierError JOB_FILES_FULL, and those of `checkRows`. Nothing was kept then.
   */
  async put({ path, filename, owner }: ReceivedFile): Promise<FileRecord> {
    await checkRows(path, { name: filename });
    return this.#keep(path, { filename, purpose: 'fine-tune', owner });
  }

  /** Keeps a text that a job has written. */
  async write(text: string, record: Pick<FileRecord, 'filename' | 'owner'>): Promise<FileRecord> {
    const folder = await mkdtemp(join(this.#options.layout.staging, 'result-'));
    const path = join(folder, content);
    try {
      await writeFile(path, text);
      return await this.#keep(path, { ...record, purpose: 'fine-tune-results' });
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  async #keep(path: string, record: Pick<FileRecord, 'filename' | 'purpose' | 'owner'>): Promise<FileRecord> {
    const { layout, now } = this.#options;
    const { size: bytes } = await stat(path);
    this.#assertRoom(bytes);
    const file: FileRecord = { id: newId('file-'), ...record, bytes, createdAt: now() };
    // WHY before it is written: of two uploads at once, both count.
    this.#files.set(file.id, file);
    try {
      await publishFolder(join(layout.files, file.id), async (staging) => {
        await rename(path, join(staging, content));
        await writeFile(join(staging, 'file.json'), `${JSON.stringify(file, undefined, 2)}\n`);
      });
    } catch (error) {
      this.#files.delete(file.id);
      throw error;
    }
    return file;
  }

  #assertRoom(more: number): void {
    const { limits = defaultLimits } = this.#options;
    const bytes = this.list().reduce((sum, file) => sum + file.bytes, more);
    const count = this.#files.size + 1;
    const limit = `${limits.count} files with ${limits.bytes} bytes`;
    if (count <= limits.count && bytes <= limits.bytes) return;
    throw new EspalierError('JOB_FILES_FULL', { found: `${count} files with ${bytes} bytes`, limit });
  }

  /** @throws the errors of the file system */
  open(id: string): Readable {
    return createReadStream(this.pathOf(id));
  }

  /** Removes a file, for a start that comes in between as a whole. */
  async remove(id: string): Promise<void> {
    const { layout } = this.#options;
    const gone = join(layout.staging, id);
    await rename(join(layout.files, id), gone);
    this.#files.delete(id);
    await rm(gone, { recursive: true, force: true });
  }
}
