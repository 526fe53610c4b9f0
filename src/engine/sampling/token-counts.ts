/**
 * Counts of tokens, in an open-addressed table of typed arrays. Counting allocates nothing, and iterating costs only the number of
 * counted tokens.
 */
export class TokenCounts {
  /** The tokens in the order of their first occurrence. */
  readonly #tokens: Int32Array;
  readonly #counts: Int32Array;
  /** A token's index in the lists above plus 1; 0 for an empty place. */
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

  /** Number of different tokens so far. */
  get size(): number {
    return this.#size;
  }

  tokenAt(place: number): number {
    return this.#tokens[place] ?? 0;
  }

  countAt(place: number): number {
    return this.#counts[place] ?? 0;
  }

  /** @param times 0 only registers the token */
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
