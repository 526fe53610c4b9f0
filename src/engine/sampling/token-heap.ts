/**
 * Token ids by decreasing weight, and by increasing id for equal weights: a binary heap in one typed array. Building it takes one pass
 * over the vocabulary, and removing a token takes a few steps, so a top-k or top-p limit needs no sort.
 *
 * Popped ids stay at the end of the array. They can be read again, or put back with `restart`.
 */
export class TokenHeap {
  readonly #ids: Uint32Array;
  #weights: ArrayLike<number> = [];
  #size = 0;
  #full = 0;

  constructor(capacity: number) {
    this.#ids = new Uint32Array(capacity);
  }

  get size(): number {
    return this.#size;
  }

  /** Fills the heap with every token of `weights`. The array is read, and not copied, until the next `fill`. */
  fill(weights: ArrayLike<number>): this {
    this.#weights = weights;
    this.#full = Math.min(weights.length, this.#ids.length);
    this.#size = this.#full;
    for (let id = 0; id < this.#full; id++) this.#ids[id] = id;
    for (let place = (this.#full >> 1) - 1; place >= 0; place--) this.#sink(place);
    return this;
  }

  /** Removes the most likely token that is left. */
  pop(): number {
    const top = this.#ids[0] ?? 0;
    this.#size--;
    this.#ids[0] = this.#ids[this.#size] ?? 0;
    this.#ids[this.#size] = top;
    this.#sink(0);
    return top;
  }

  /** The id that the (place + 1)-th pop gave. */
  popped(place: number): number {
    return this.#ids[this.#full - 1 - place] ?? 0;
  }

  /** The ids that were not popped, in no order. @param place  from 0 to `size` */
  remaining(place: number): number {
    return this.#ids[place] ?? 0;
  }

  /** Puts the popped tokens back. */
  restart(): void {
    while (this.#size < this.#full) this.#rise(this.#size++);
  }

  #isBefore(a: number, b: number): boolean {
    const [x, y] = [this.#weights[a] ?? 0, this.#weights[b] ?? 0];
    return x > y || (x === y && a < b);
  }

  #sink(start: number): void {
    const ids = this.#ids;
    const id = ids[start] ?? 0;
    let place = start;
    for (let child = 2 * place + 1; child < this.#size; child = 2 * place + 1) {
      if (child + 1 < this.#size && this.#isBefore(ids[child + 1] ?? 0, ids[child] ?? 0)) child++;
      if (!this.#isBefore(ids[child] ?? 0, id)) break;
      ids[place] = ids[child] ?? 0;
      place = child;
    }
    ids[place] = id;
  }

  #rise(start: number): void {
    const ids = this.#ids;
    const id = ids[start] ?? 0;
    let place = start;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      if (!this.#isBefore(id, ids[parent] ?? 0)) break;
      ids[place] = ids[parent] ?? 0;
      place = parent;
    }
    ids[place] = id;
  }
}
