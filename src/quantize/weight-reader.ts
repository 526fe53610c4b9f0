import { open, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { EspalierError } from '../core/index.ts';
import type { BaseModel, WeightRef } from '../models/index.ts';
import { byteLength, decodeTensor, elementCount, elementSize, toFloat32, type BytePlace } from '../tensor/index.ts';

/** Reads parts of a base's weights. The files that it has opened stay open until it is disposed. */
export class WeightReader implements AsyncDisposable {
  readonly #base: BaseModel;
  readonly #files = new Map<string, FileHandle>();

  constructor(base: BaseModel) {
    this.#base = base;
  }

  /** @throws EspalierError MODEL_WEIGHTS_MISMATCH if the file has become shorter since it was opened */
  async bytes(ref: WeightRef, start = 0, length = byteLength(ref.dtype, ref.shape) - start): Promise<Uint8Array> {
    const { name, decoding } = ref;
    if (decoding === undefined) return this.#stored({ ...ref, offset: ref.offset + start, length }, name);
    return decodeTensor({ ...ref, decoding }, (place) => this.#stored(place, name), { start, length });
  }

  async #stored(ref: BytePlace, name: string): Promise<Uint8Array> {
    const { length } = ref;
    const file = await this.#open(ref.location);
    const bytes = Buffer.allocUnsafeSlow(length);
    for (let done = 0; done < length;) {
      const { bytesRead } = await file.read(bytes, done, length - done, ref.offset + done);
      if (bytesRead === 0) {
        const problems = `${ref.location} ends within ${name}`;
        throw new EspalierError('MODEL_WEIGHTS_MISMATCH', { dir: this.#base.dir, problems });
      }
      done += bytesRead;
    }
    return bytes;
  }

  /** Elements [start, start + count) of a float weight, as f32. */
  async floats(ref: WeightRef, start = 0, count = elementCount(ref.shape)): Promise<Float32Array> {
    const size = elementSize(ref.dtype);
    const bytes = await this.bytes(ref, start * size, count * size);
    return toFloat32({ dtype: ref.dtype, shape: [count], bytes });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(Array.from(this.#files.values(), (file) => file.close()));
    this.#files.clear();
  }

  async #open(location: string): Promise<FileHandle> {
    const known = this.#files.get(location);
    if (known !== undefined) return known;
    const file = await open(join(this.#base.dir, location));
    this.#files.set(location, file);
    return file;
  }
}
