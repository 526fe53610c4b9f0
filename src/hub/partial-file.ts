import type { Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { createFileHash, type RepositoryFile } from './repository.ts';

/** A download that gathers on the disk, and the hash of exactly the bytes that are there. */
export class PartialFile implements AsyncDisposable {
  readonly #file: RepositoryFile;
  readonly #handle: FileHandle;
  #hash: Hash;
  #bytes = 0;

  /** Opens it with what an earlier download left behind, which is read once for the hash. */
  static async open(path: string, file: RepositoryFile, signal: AbortSignal | undefined): Promise<PartialFile> {
    await mkdir(dirname(path), { recursive: true });
    const handle = await open(path, 'a');
    const partial = new PartialFile(handle, file);
    try {
      await partial.#takeUp(path, signal);
      return partial;
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  private constructor(handle: FileHandle, file: RepositoryFile) {
    this.#handle = handle;
    this.#file = file;
    this.#hash = createFileHash(file);
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Whether it has the length that it should have, or more. */
  get isWhole(): boolean {
    return this.#bytes >= this.#file.size;
  }

  /** Bytes beyond the file's length are not kept, but for one that shows that they came. */
  async append(chunk: Uint8Array): Promise<void> {
    const part = chunk.subarray(0, this.#file.size + 1 - this.#bytes);
    this.#hash.update(part);
    await this.#handle.appendFile(part);
    this.#bytes += part.byteLength;
  }

  async startAnew(): Promise<void> {
    await this.#handle.truncate(0);
    this.#hash = createFileHash(this.#file);
    this.#bytes = 0;
  }

  /** Flushes it to the disk. @returns the hex digest of all of it */
  async finish(): Promise<string> {
    await this.#handle.sync();
    return this.#hash.copy().digest('hex');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handle.close();
  }

  /** A file that is longer than it should be is another's, and nothing of it is used. */
  async #takeUp(path: string, signal: AbortSignal | undefined): Promise<void> {
    const { size } = await this.#handle.stat();
    if (size > this.#file.size) return this.startAnew();
    if (size === 0) return;
    const stream = createReadStream(path, { end: size - 1, highWaterMark: 1 << 18, ...(signal && { signal }) });
    for await (const chunk of stream) if (Buffer.isBuffer(chunk)) this.#hash.update(chunk);
    this.#bytes = size;
  }
}
