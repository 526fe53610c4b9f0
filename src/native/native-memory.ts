import { open } from 'node:fs/promises';
import { EspalierError } from '../core/index.ts';
import { pageAllocator, viewOf, wholePages } from './pages.ts';
import type { Pointer } from './pointer.ts';
import { handle, NativeHandle, pointer } from './native-handle.ts';

/** Node 20 ends the process when an ArrayBuffer over native memory is larger than this. */
const maxViewBytes = 2 ** 32;

/** Frees the address range of a disposed memory after its last JavaScript view was garbage-collected. */
const unmapper = new FinalizationRegistry<{ start: Pointer; byteLength: number }>(({ start, byteLength }) =>
  pageAllocator().free(start, byteLength),
);

/** Memory for which large pages are worth their asking. */
export const leastLargeBytes = 2 ** 22;

type ViewType<View> = {
  new (buffer: ArrayBuffer, byteOffset: number, length: number): View;
  BYTES_PER_ELEMENT: number;
};

/**
 * Zeroed memory outside JavaScript's heap. The garbage collector neither moves nor frees it, so ONNX Runtime can read and
 * write it while JavaScript holds views of the same bytes. It is page-aligned. The system provides physical memory for a page
 * at its first use, so a large allocation alone costs nothing.
 *
 * After `dispose()`, the physical memory is returned as soon as no tensor and no run needs it. Reading a view after that does
 * not crash, but the content is undefined.
 */
export class NativeMemory {
  readonly byteLength: number;
  /** @internal */
  readonly [pointer]: Pointer;
  /** @internal */
  readonly [handle]: NativeHandle;
  /** ArrayBuffers over this memory: one over all of it if Node supports the size, otherwise one for each requested range. */
  readonly #buffers = new Map<string, ArrayBuffer>();

  /**
   * @param options.isFilled  the caller writes all of it soon, so that large pages waste nothing
   * @throws EspalierError OPTION_INVALID for a size that is no positive integer, MEMORY_UNAVAILABLE
   */
  static allocate(byteLength: number, { isFilled = false }: { readonly isFilled?: boolean } = {}): NativeMemory {
    if (!Number.isSafeInteger(byteLength) || byteLength < 0) {
      const expected = 'a number of bytes';
      throw new EspalierError('OPTION_INVALID', { name: 'byteLength', expected, actual: byteLength });
    }
    const pages = pageAllocator().allocate(mappedLength(byteLength));
    if (isFilled && byteLength >= leastLargeBytes) pageAllocator().useLargePages(pages, byteLength);
    return new NativeMemory(byteLength, pages);
  }

  /**
   * Maps a file: its bytes are read from disk when they are first used. Writes to the memory never reach the file. The file must
   * not shrink while the memory is in use, because the system kills a process that reads beyond the end of a mapped file.
   *
   * @throws EspalierError FILE_NOT_FOUND, MEMORY_UNAVAILABLE
   */
  static async mapFile(path: string): Promise<NativeMemory> {
    const file = await open(path).catch((cause: unknown) => {
      throw new EspalierError('FILE_NOT_FOUND', { what: 'file', path }, { cause });
    });
    try {
      const { size } = await file.stat();
      const pages = size > 0 ? pageAllocator().mapFile?.(file.fd, size) : undefined;
      if (pages !== undefined) return new NativeMemory(size, pages);
      const memory = NativeMemory.allocate(size);
      memory.bytes().set(await file.readFile());
      return memory;
    } finally {
      await file.close();
    }
  }

  private constructor(byteLength: number, pages: Pointer) {
    const mapped = mappedLength(byteLength);
    this.byteLength = byteLength;
    this[pointer] = pages;
    this[handle] = new NativeHandle('memory', () => this.#release(mapped));
  }

  /** Where it begins, for reports. */
  get address(): bigint {
    this[handle].assertOpen();
    return this[pointer];
  }

  bytes(byteOffset?: number, length?: number): Uint8Array {
    return this.#view(Uint8Array, byteOffset, length);
  }

  float32(byteOffset?: number, length?: number): Float32Array {
    return this.#view(Float32Array, byteOffset, length);
  }

  float64(byteOffset?: number, length?: number): Float64Array {
    return this.#view(Float64Array, byteOffset, length);
  }

  uint16(byteOffset?: number, length?: number): Uint16Array {
    return this.#view(Uint16Array, byteOffset, length);
  }

  int32(byteOffset?: number, length?: number): Int32Array {
    return this.#view(Int32Array, byteOffset, length);
  }

  bigInt64(byteOffset?: number, length?: number): BigInt64Array {
    return this.#view(BigInt64Array, byteOffset, length);
  }

  /**
   * Copies bytes within this memory, which may be of any size. The ranges may overlap. WHY not with views: a view ends at 4 GiB,
   * and every range of which a view was made is kept in `#buffers`.
   *
   * @throws EspalierError MEMORY_OUT_OF_BOUNDS, DISPOSED
   */
  copyWithin({ target, source, byteLength }: { target: number; source: number; byteLength: number }): void {
    this.#copy(
      this.#address('The target of a copy', target, byteLength),
      this.#address('A copy', source, byteLength),
      byteLength,
    );
  }

  /** Copies bytes from offset `byteOffset` of this memory. @throws EspalierError as `copyWithin` */
  copyTo(target: Uint8Array, byteOffset: number): void {
    this.#copy(target, this.#address('A copy', byteOffset, target.byteLength), target.byteLength);
  }

  /** Copies bytes to offset `byteOffset` of this memory. @throws EspalierError as `copyWithin` */
  copyFrom(source: Uint8Array, byteOffset: number): void {
    this.#copy(this.#address('The target of a copy', byteOffset, source.byteLength), source, source.byteLength);
  }

  #address(name: string, byteOffset: number, byteLength: number): Pointer {
    this[handle].assertOpen();
    this.assertRange(name, byteOffset, byteLength);
    return this[pointer] + BigInt(byteOffset);
  }

  #copy(target: Pointer | Uint8Array, source: Pointer | Uint8Array, byteLength: number): void {
    if (byteLength > 0) pageAllocator().move(target, source, byteLength);
  }

  /**
   * Returns the physical memory of the whole pages in a range to the system. Afterwards they read as zeros or as before.
   * @throws EspalierError MEMORY_OUT_OF_BOUNDS, DISPOSED
   */
  discard(byteOffset: number, byteLength: number): void {
    this[handle].assertOpen();
    this.assertRange('A range to discard', byteOffset, byteLength);
    const pages = wholePages(this[pointer] + BigInt(byteOffset), byteLength);
    if (pages.byteLength > 0) pageAllocator().discard(pages.start, pages.byteLength);
  }

  /** Idempotent. Later calls of this object throw DISPOSED. */
  dispose(): void {
    this[handle].dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  /** @throws EspalierError MEMORY_OUT_OF_BOUNDS unless the range lies inside this memory */
  assertRange(name: string, byteOffset: number, byteLength: number): void {
    const end = byteOffset + byteLength;
    if (Number.isSafeInteger(byteOffset) && byteOffset >= 0 && byteLength >= 0 && end <= this.byteLength) return;
    throw new EspalierError('MEMORY_OUT_OF_BOUNDS', { name, start: byteOffset, end, size: this.byteLength });
  }

  #view<View>(type: ViewType<View>, byteOffset = 0, length?: number): View {
    this[handle].assertOpen();
    const size = type.BYTES_PER_ELEMENT;
    if (byteOffset % size !== 0) {
      throw new EspalierError('MEMORY_MISALIGNED', { name: 'A view', offset: byteOffset, size });
    }
    const count = length ?? Math.floor((this.byteLength - byteOffset) / size);
    const byteLength = count * size;
    this.assertRange('A view', byteOffset, byteLength);
    if (this.byteLength <= maxViewBytes) return new type(this.#buffer(0, this.byteLength), byteOffset, count);
    if (byteLength > maxViewBytes) {
      throw new EspalierError('MEMORY_VIEW_TOO_LARGE', { bytes: byteLength, limit: maxViewBytes });
    }
    return new type(this.#buffer(byteOffset, byteLength), 0, count);
  }

  #buffer(byteOffset: number, byteLength: number): ArrayBuffer {
    const key = `${byteOffset}:${byteLength}`;
    let buffer = this.#buffers.get(key);
    if (buffer === undefined) {
      buffer = byteLength === 0 ? new ArrayBuffer(0) : viewOf(this[pointer] + BigInt(byteOffset), byteLength);
      this.#buffers.set(key, buffer);
    }
    return buffer;
  }

  /** Frees the physical pages at once, and the address range when the last view has been garbage-collected. */
  #release(byteLength: number): void {
    const [first, ...others] = this.#buffers.values();
    if (first === undefined) return pageAllocator().free(this[pointer], byteLength);
    pageAllocator().empty(this[pointer], byteLength);
    // WHY only with one buffer: the registry watches one object. With several buffers the address range stays reserved.
    if (others.length === 0) unmapper.register(first, { start: this[pointer], byteLength });
    this.#buffers.clear();
  }
}

/** WHY at least one byte: an empty tensor needs an address too. */
function mappedLength(byteLength: number): number {
  return Math.max(1, byteLength);
}
