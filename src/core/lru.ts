/** A bounded map that removes the least recently used value. */
export class LeastRecentlyUsed<Value> {
  readonly #entries = new Map<string, Value>();
  readonly #limit: number;
  readonly #discard: (value: Value) => void;

  /** @param discard  called with each removed value */
  constructor(limit: number, discard: (value: Value) => void) {
    this.#limit = limit;
    this.#discard = discard;
  }

  get(key: string): Value | undefined {
    const value = this.#entries.get(key);
    if (value === undefined) return undefined;
    this.#entries.delete(key);
    this.#entries.set(key, value);
    return value;
  }

  set(key: string, value: Value): void {
    this.#entries.set(key, value);
    for (const [oldest, old] of this.#entries) {
      if (this.#entries.size <= this.#limit) return;
      this.#entries.delete(oldest);
      this.#discard(old);
    }
  }

  clear(): void {
    for (const value of this.#entries.values()) this.#discard(value);
    this.#entries.clear();
  }
}
