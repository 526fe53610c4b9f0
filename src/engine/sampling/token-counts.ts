/**
 * How often each of some tokens was met: an open-addressed table in typed arrays, so that counting allocates nothing and going through
 * what was met costs no more than what was met.
 */
export class TokenCounts {
  /** In the order in which they were first met. */
  readonly #tokens: Int32Array;
  readonly #counts: Int32Array;
  /** One more than a token's place in the lists above; 0 where nothing is. */
  readonly #table: Int32Array;
  readonly #mask: number;
  #size = 0;

  /** @param capacity  most different tokens */
  constructor(capacity: number) {
    this.#tokens = new Int32Array(capacity);
    this.#counts = new Int32Array(capacity);
    // At most half full, so that searches are short.
    const size = 2 ** Math.ceil(Math.log2(2 * Math.max(1, capacity)));
    this.#table = new Int32Array(size);
    this.#mask = size - 1;
  }

  /** Different tokens so far. */
  get size(): number {
    return this.#size;
  }

  tokenAt(place: number): number {
    return this.#tokens[place] ?? 0;
  }

  countAt(place: number): number {
    return this.#counts[place] ?? 0;
  }

  /** @param times  0 only notes that the token is there */
  add(token: number, times: number): void {
    let slot = Math.imul(token, 0x9e3779b1) & this.#mask;
    for (let entry = this.#table[slot] ?? 0; entry !== 0; entry = this.#table[slot] ?? 0) {
      if (this.#tokens[entry - 1] === token) {
        this.#counts[entry - 1] = (this.#counts[entry - 1] ?? 0) + times;
        return;
      }
      slot = (slot + 1) & this.#mask;
    }
    this.#tokens[this.#size] = token;
    this.#counts[this.#size] = times;
    this.#size++;
    this.#table[slot] = this.#size;
  }
}
