/**
 * Finds the ids of tokens by where they are written in a file, without a string for each: a file of half a million merges names a million
 * tokens, and to cut them out and look them up takes longer than all else. Open addressing over typed arrays.
 */
export class WrittenTokens {
  readonly #file: string;
  /** For each slot: where the token starts in the file, its length there, its id, and its hash. A length of -1 marks a free slot. */
  #slots: Int32Array;
  #mask: number;
  #size = 0;

  constructor(file: string) {
    this.#file = file;
    // WHY a guess: to grow costs as much as to fill. Files have 60 to 130 characters for each token.
    const slots = 2 ** Math.ceil(Math.log2(Math.max(1024, file.length / 64)));
    this.#slots = new Int32Array(4 * slots).fill(-1);
    this.#mask = slots - 1;
  }

  /** How many tokens are written differently. */
  get size(): number {
    return this.#size;
  }

  /** The last id of a token wins. */
  add({ start, end, hash }: WrittenToken, id: number): void {
    if (2 * this.#size > this.#mask) this.#grow();
    const at = this.#slotOf(start, end, hash);
    if (this.#slots[at + 1] === -1) this.#size++;
    this.#put(at, start, end - start, id, hash);
  }

  /** @returns -1 for a token that was not added */
  idOf({ start, end, hash }: WrittenToken): number {
    return this.#slots[this.#slotOf(start, end, hash) + 2] ?? -1;
  }

  #slotOf(start: number, end: number, hash: number): number {
    const slots = this.#slots;
    for (let slot = hash & this.#mask; ; slot = (slot + 1) & this.#mask) {
      const at = 4 * slot;
      const length = slots[at + 1];
      if (length === -1) return at;
      if (slots[at + 3] === hash && length === end - start && this.#isSame(slots[at] ?? 0, start, length)) return at;
    }
  }

  #isSame(one: number, other: number, length: number): boolean {
    const file = this.#file;
    for (let at = 0; at < length; at++) if (file.charCodeAt(one + at) !== file.charCodeAt(other + at)) return false;
    return true;
  }

  #put(at: number, start: number, length: number, id: number, hash: number): void {
    this.#slots[at] = start;
    this.#slots[at + 1] = length;
    this.#slots[at + 2] = id;
    this.#slots[at + 3] = hash;
  }

  #grow(): void {
    const old = this.#slots;
    this.#slots = new Int32Array(2 * old.length).fill(-1);
    this.#mask = 2 * this.#mask + 1;
    for (let at = 0; at < old.length; at += 4) {
      if (old[at + 1] === -1) continue;
      // WHY without comparing: all are different.
      let slot = (old[at + 3] ?? 0) & this.#mask;
      while (this.#slots[4 * slot + 1] !== -1) slot = (slot + 1) & this.#mask;
      this.#put(4 * slot, old[at] ?? 0, old[at + 1] ?? 0, old[at + 2] ?? 0, old[at + 3] ?? 0);
    }
  }
}

/** A token between its quotes, as a file writes it: with what it escapes. */
export interface WrittenToken {
  readonly start: number;
  readonly end: number;
  readonly hash: number;
}

/** A hash with one more unit of UTF-16, as FNV-1a adds it. */
export function hashed(hash: number, unit: number): number {
  return Math.imul(hash ^ unit, 0x01000193);
}

/** Mixes the bits of a hash, so that its last ones depend on all. */
export function mixed(hash: number): number {
  const half = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  return half ^ (half >>> 13);
}
