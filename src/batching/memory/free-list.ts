import { aligned } from './plan-buffers.ts';

interface Range {
  readonly start: number;
  readonly end: number;
}

/**
 * The free ranges of one arena: plain arithmetic on offsets. Slices are aligned and placed first fit. Neighbouring free ranges are
 * merged.
 */
export class FreeList {
  readonly bytes: number;
  /** In ascending order; no two touch. */
  readonly #free: Range[];
  readonly #taken = new Map<number, number>();

  constructor(bytes: number) {
    this.bytes = bytes;
    this.#free = bytes > 0 ? [{ start: 0, end: bytes }] : [];
  }

  get isEmpty(): boolean {
    return this.#taken.size === 0;
  }

  /** Bytes that are taken, including alignment. */
  get used(): number {
    return this.#free.reduce((sum, { start, end }) => sum - (end - start), this.bytes);
  }

  /** The offset of a slice; undefined if no range of this length is free. */
  take(bytes: number): number | undefined {
    // WHY at least one unit: every slice needs its own offset, by which it is freed.
    const length = Math.max(aligned(1), aligned(bytes));
    const place = this.#free.findIndex(({ start, end }) => end - start >= length);
    const range = this.#free[place];
    if (range === undefined) return undefined;
    const rest = { start: range.start + length, end: range.end };
    this.#free.splice(place, 1, ...(rest.start < rest.end ? [rest] : []));
    this.#taken.set(range.start, rest.start);
    return range.start;
  }

  /** Frees a slice, and merges it with its free neighbours. */
  give(offset: number): void {
    const taken = this.#taken.get(offset);
    if (taken === undefined) throw new RangeError(`No slice begins at ${offset}`);
    this.#taken.delete(offset);
    let place = this.#free.findIndex(({ start }) => start > offset);
    if (place < 0) place = this.#free.length;
    const [before, after] = [this.#free[place - 1], this.#free[place]];
    const joinsBefore = before?.end === offset;
    const joinsAfter = after?.start === taken;
    const merged = {
      start: joinsBefore ? before.start : offset,
      end: joinsAfter ? after.end : taken,
    };
    this.#free.splice(place - (joinsBefore ? 1 : 0), (joinsBefore ? 1 : 0) + (joinsAfter ? 1 : 0), merged);
  }
}
