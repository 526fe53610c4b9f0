/** Rows [start, end) of the stacked adapters. */
export interface RankRows {
  readonly start: number;
  readonly end: number;
}

/**
 * Gives out runs of rank rows, first fit. Row 0 is never given out: it stays zero for ever, and is what a batch of base
 * rows alone is bound to.
 *
 * WHY first fit: low rows stay in use, so that the window over a batch's adapters stays narrow.
 */
export class RankAllocator {
  readonly total: number;
  /** In ascending order, disjoint. */
  readonly #taken: RankRows[] = [];

  /** @param total  rows in all, the zero row included */
  constructor(total: number) {
    this.total = total;
  }

  /** The lowest free run of `count` rows, or undefined when there is none. */
  reserve(count: number): RankRows | undefined {
    let start = 1;
    let place = 0;
    for (const taken of this.#taken) {
      if (taken.start - start >= count) break;
      start = taken.end;
      place++;
    }
    if (start + count > this.total) return undefined;
    const rows = { start, end: start + count };
    this.#taken.splice(place, 0, rows);
    return rows;
  }

  /** Gives rows back. They must be what `reserve` returned, once. */
  release(rows: RankRows): void {
    const place = this.#taken.indexOf(rows);
    if (place < 0) throw new RangeError(`Rows ${rows.start} to ${rows.end} are not taken`);
    this.#taken.splice(place, 1);
  }

  /** Rows given out. */
  get used(): number {
    return this.#taken.reduce((sum, rows) => sum + rows.end - rows.start, 0);
  }

  /** The longest run that `reserve` could give now. */
  get longestFree(): number {
    let longest = 0;
    let start = 1;
    for (const taken of this.#taken) {
      longest = Math.max(longest, taken.start - start);
      start = taken.end;
    }
    return Math.max(longest, this.total - start);
  }
}
