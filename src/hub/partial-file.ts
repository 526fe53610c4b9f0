import type { Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { createFileHash, type RepositoryFile } from './repository.ts';

/** A partially downloaded file on the disk, and the running hash of its bytes. */
export class PartialFile implements AsyncDisposable {
  readonly #file: RepositoryFile;
  readonly #handle: FileHandle;
  #hash: Hash;
  #bytes = 0;

  /** Opens the partial file. Bytes of an earlier download are read once, to compute their hash. */
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

  /** Whether the file has at least its expected length. */
  get isWhole(): boolean {
    return this.#bytes >= this.#file.size;
  }

  /** Appends bytes. Of the bytes beyond the expected length only the first is kept; it makes the checksum fail. */
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

  /** Flushes the file to the disk. @returns the hash of the whole file in hexadecimal */
  async finish(): Promise<string> {
    await this.#handle.sync();
    return this.#hash.copy().digest('hex');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handle.close();
  }

  /** Hashes the existing bytes. A file that is longer than expected belongs to another download and is truncated to zero bytes. */
  async #takeUp(path: string, signal: AbortSignal | undefined): Promise<void> {
    const { size } = await this.#handle.stat();
    if (size > this.#file.size) return this.startAnew();
    if (size === 0) return;
    const stream = createReadStream(path, { end: size - 1, highWaterMark: 1 << 18, ...(signal && { signal }) });
    for await (const chunk of stream) if (Buffer.isBuffer(chunk)) this.#hash.update(chunk);
    this.#bytes = size;
  }
}
