/** A block of positions in the cache: the tokens that follow those of its parent. */
export interface PrefixBlock {
  /** The number of the place where its keys and values lie. */
  readonly place: number;
  /** Never used twice, so that what followed a block that was dropped cannot be found by another one. */
  readonly serial: number;
  /** Its parent and its tokens. */
  readonly key: string;
  /** When it was last used, in calls of `find`. */
  used: number;
  /** Of its contents and its key. */
  checksum: number;
}

/** The beginning of a row. */
export interface PrefixRow {
  /** Says everything besides the tokens on which keys and values depend. */
  readonly root: string;
  tokenAt(this: void, place: number): number;
  /** Number of whole blocks. */
  readonly count: number;
}

export interface PrefixIndexSizes {
  /** Number of places. */
  readonly capacity: number;
  /** Tokens of a block. */
  readonly blockTokens: number;
}

/**
 * Which beginnings of rows the cache holds, as trees of blocks. It knows places, but no memory. A block is found by its parent and by
 * its tokens, which are compared one by one, so that no two beginnings are ever taken for one another.
 *
 * WHY without counts of users: the engine's loop copies blocks between two runs, one row after the other, and adds none meanwhile. No
 * block can be given up while it is read.
 */
export class PrefixIndex {
  readonly #sizes: PrefixIndexSizes;
  /** The least recently used block comes first. */
  readonly #blocks = new Map<string, PrefixBlock>();
  readonly #free: number[] = [];
  #begun = 0;
  #serials = 0;
  #finds = 0;

  constructor(sizes: PrefixIndexSizes) {
    this.#sizes = sizes;
  }

  get size(): number {
    return this.#blocks.size;
  }

  /** Finds the first blocks of a row. They are given up after all others. */
  find(row: PrefixRow): PrefixBlock[] {
    this.#finds++;
    const found: PrefixBlock[] = [];
    while (found.length < row.count) {
      const block = this.#blocks.get(this.#keyOf(row, found));
      if (block === undefined) break;
      found.push(block);
    }
    this.touch(found);
    return found;
  }

  /**
   * Adds the block after those that `find` found, or that were added since. It takes the place of the least recently used block if none
   * is free.
   * @returns undefined if only places of the same row are left
   */
  add(row: PrefixRow, found: readonly PrefixBlock[]): PrefixBlock | undefined {
    const key = this.#keyOf(row, found);
    const place = this.#free.pop() ?? this.#begin() ?? this.#evict();
    if (place === undefined) return undefined;
    const block = { place, serial: ++this.#serials, key, used: this.#finds, checksum: 0 };
    this.#blocks.set(key, block);
    return block;
  }

  #begin(): number | undefined {
    return this.#begun < this.#sizes.capacity ? this.#begun++ : undefined;
  }

  #evict(): number | undefined {
    const [oldest] = this.#blocks.values();
    if (oldest === undefined || oldest.used === this.#finds) return undefined;
    this.#blocks.delete(oldest.key);
    return oldest.place;
  }

  /** Drops a block. What follows it cannot be found any more, and is given up in its turn. */
  drop({ key, place }: PrefixBlock): void {
    if (this.#blocks.delete(key)) this.#free.push(place);
  }

  /** Records that the first blocks of a row are used. WHY from the end: no block must be given up before those that follow it. */
  touch(found: readonly PrefixBlock[]): void {
    for (const block of found.toReversed()) {
      block.used = this.#finds;
      if (this.#blocks.delete(block.key)) this.#blocks.set(block.key, block);
    }
  }

  #keyOf({ root, tokenAt }: PrefixRow, found: readonly PrefixBlock[]): string {
    const { blockTokens } = this.#sizes;
    const parent = found.at(-1);
    let key = parent === undefined ? root : `${parent.serial}`;
    const start = found.length * blockTokens;
    for (let place = start; place < start + blockTokens; place++) key += ` ${tokenAt(place)}`;
    return key;
  }
}
