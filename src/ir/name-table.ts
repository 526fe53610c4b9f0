/** The names of values and nodes in a tree of graphs, with the number of their users (a node and a value may share a name). */
export class NameTable {
  readonly #taken = new Map<string, number>();
  /** Names that `unique` has returned and that are not in use yet. */
  readonly #offered = new Set<string>();
  /** The next number to try for each base. This only saves counting from 1 again. */
  readonly #counters = new Map<string, number>();

  /** `base` if it is free, otherwise `base_1`, `base_2`, ... Never returns the same name twice. */
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
