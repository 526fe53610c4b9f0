/** A piece of a region: taken or free. */
export interface Chunk {
  readonly region: number;
  start: number;
  size: number;
  free: boolean;
}

const step = 256;
const firstRegion = 2 ** 20;
const largestRegion = 2 ** 30;
const largestWaste = 2 ** 27;

/**
 * What the memory arena of ONNX Runtime does with a sequence of requests: best fit, in regions that double; a free piece is divided if it
 * is twice as large as the request, and neighbours that are free become one. A process holds the pages of a region up to the highest that
 * was ever used.
 *
 * @see ONNX Runtime's `bfc_arena.cc` with its default settings
 */
export class Arena {
  readonly #regions: Chunk[][] = [];
  readonly #touched: number[] = [];
  #next = firstRegion;

  /** Bytes that were used at any time. */
  get touched(): number {
    return this.#touched.reduce((sum, bytes) => sum + bytes, 0);
  }

  /** @returns what `give` takes back */
  take(bytes: number): Chunk {
    const size = Math.max(step, Math.ceil(bytes / step) * step);
    const chunk = this.#bestFit(size) ?? this.#extend(size);
    chunk.free = false;
    if (chunk.size >= 2 * size || chunk.size - size >= largestWaste) this.#split(chunk, size);
    const { region } = chunk;
    this.#touched[region] = Math.max(this.#touched[region] ?? 0, chunk.start + size);
    return chunk;
  }

  give(chunk: Chunk): void {
    chunk.free = true;
    const chunks = this.#regions[chunk.region] ?? [];
    const at = chunks.indexOf(chunk);
    const [before, after] = [chunks[at - 1], chunks[at + 1]];
    if (after?.free === true) {
      chunk.size += after.size;
      chunks.splice(at + 1, 1);
    }
    if (before?.free === true) {
      before.size += chunk.size;
      chunks.splice(at, 1);
    }
  }

  #bestFit(size: number): Chunk | undefined {
    let best: Chunk | undefined;
    for (const chunks of this.#regions) {
      for (const chunk of chunks) {
        if (chunk.free && chunk.size >= size && (best === undefined || chunk.size < best.size)) best = chunk;
      }
    }
    return best;
  }

  #extend(size: number): Chunk {
    const grows = this.#next < size;
    while (this.#next < size) this.#next *= 2;
    const chunk = { region: this.#regions.length, start: 0, size: this.#next, free: true };
    this.#regions.push([chunk]);
    this.#touched.push(0);
    if (!grows) this.#next = Math.min(2 * this.#next, Math.max(largestRegion, this.#next));
    return chunk;
  }

  #split(chunk: Chunk, size: number): void {
    const chunks = this.#regions[chunk.region] ?? [];
    const rest = { region: chunk.region, start: chunk.start + size, size: chunk.size - size, free: true };
    chunks.splice(chunks.indexOf(chunk) + 1, 0, rest);
    chunk.size = size;
  }
}
