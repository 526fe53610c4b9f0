/**
 * A hash table from pairs of integers to two integers, in typed arrays: half a million entries take 10 to 20 MB and are found in some ten
 * nanoseconds. Keys are at least 0. Open addressing, linear probing.
 */
export class PairTable {
  #entries: Int32Array;
  #mask: number;
  #size = 0;

  /** @param expected  how many pairs will be set; the table grows when there are more */
  constructor(expected: number) {
    const slots = 2 ** Math.ceil(Math.log2(Math.max(8, expected * 1.5)));
    this.#entries = new Int32Array(4 * slots).fill(-1);
    this.#mask = slots - 1;
  }

  /** Sets the values of a pair. The last values of a pair win. */
  set(first: number, second: number, value: number, other: number): void {
    if (this.#size * 4 > (this.#mask + 1) * 3) this.#grow();
    const at = this.#find(first, second);
    if (this.#entries[at] === -1) this.#size++;
    this.#entries[at] = first;
    this.#entries[at + 1] = second;
    this.#entries[at + 2] = value;
    this.#entries[at + 3] = other;
  }

  /** @returns the place of the pair, for `value` and `other`; -1 if it is not there */
  find(first: number, second: number): number {
    const at = this.#find(first, second);
    return this.#entries[at] === -1 ? -1 : at;
  }

  value(place: number): number {
    return this.#entries[place + 2] ?? -1;
  }

  other(place: number): number {
    return this.#entries[place + 3] ?? -1;
  }

  #find(first: number, second: number): number {
    const entries = this.#entries;
    let slot = hash(first, second) & this.#mask;
    for (;;) {
      const at = 4 * slot;
      if (entries[at] === -1 || (entries[at] === first && entries[at + 1] === second)) return at;
      slot = (slot + 1) & this.#mask;
    }
  }

  #grow(): void {
    const old = this.#entries;
    this.#entries = new Int32Array(2 * old.length).fill(-1);
    this.#mask = 2 * this.#mask + 1;
    for (let at = 0; at < old.length; at += 4) {
      if (old[at] !== -1) this.#entries.set(old.subarray(at, at + 4), this.#find(old[at] ?? 0, old[at + 1] ?? 0));
    }
  }
}

/** Mixes both numbers into all bits, as the finalizer of MurmurHash3 does. */
function hash(first: number, second: number): number {
  let mixed = Math.imul(first, 0x9e3779b1) ^ Math.imul(second, 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 13)) >>> 0;
}
