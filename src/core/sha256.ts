import { createHash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { Pace } from './pace.ts';

/** Bytes that are hashed in well under a millisecond. */
const bytesPerSlice = 2 ** 18;

/** Bytes of a file that are read at once. */
const bytesPerRead = 2 ** 22;

/** SHA-256 of bytes that are added in parts. Large parts are hashed in slices, between which other tasks run. */
export class Sha256 {
  readonly #hash = createHash('sha256');
  readonly #pace = new Pace();

  async update(bytes: Uint8Array): Promise<void> {
    for (let start = 0; start < bytes.byteLength; start += bytesPerSlice) {
      this.#hash.update(bytes.subarray(start, start + bytesPerSlice));
      const turn = this.#pace.step();
      if (turn) await turn;
    }
  }

  /**
   * Adds the bytes of a file from where it is read next to its end.
   * @throws the error of the file system; the signal's reason
   */
  async updateFrom(file: FileHandle, { signal }: { readonly signal?: AbortSignal | undefined } = {}): Promise<void> {
    const block = Buffer.alloc(bytesPerRead);
    for (;;) {
      signal?.throwIfAborted();
      const { bytesRead } = await file.read(block, 0, block.length, null);
      if (bytesRead === 0) return;
      await this.update(block.subarray(0, bytesRead));
    }
  }

  /** The 32 bytes of the hash. Nothing can be added afterwards. */
  digest(): Uint8Array {
    return this.#hash.digest();
  }

  /** As `digest`, in hexadecimal. */
  hex(): string {
    return this.#hash.digest('hex');
  }
}
