/** The names of values and nodes in a whole tree of graphs, with how often each is taken (a node and a value may share one). */
export class NameTable {
  readonly #taken = new Map<string, number>();
  /** Given out by `unique`, not yet taken. */
  readonly #offered = new Set<string>();
  /** Where to go on counting for a base; only saves looking from 1 again. */
  readonly #counters = new Map<string, number>();

  /** `base` where it is free, else `base_1`, `base_2`, ... Two calls never give the same name. */
  unique(base: string): string {
    let name = base;
    let count = this.#counters.get(base) ?? 0;
    while (name === '' || this.#taken.has(name) || this.#offered.has(name)) name = `${base}_${++count}`;
    this.#counters.set(base, count);
    this.#offered.add(name);
    return name;
  }

  take(name: string): void {
    this.#offered.delete(name);
    this.#taken.set(name, (this.#taken.get(name) ?? 0) + 1);
  }

  free(name: string): void {
    const count = this.#taken.get(name);
    if (count === undefined) return;
    if (count > 1) this.#taken.set(name, count - 1);
    else this.#taken.delete(name);
    this.#counters.clear();
  }
}
