/**
 * Runs one save at a time. While one runs, only the newest of those that came is kept for after it, since each saves everything.
 */
export class LatestOnly<T> {
  readonly #save: (value: T) => Promise<void>;
  #next: { readonly value: T } | undefined;
  #running: Promise<void> | undefined;

  constructor(save: (value: T) => Promise<void>) {
    this.#save = save;
  }

  /** Ends when this value or a newer one is saved. Does not reject: what fails is told to `save` itself. */
  put(value: T): Promise<void> {
    this.#next = { value };
    this.#running ??= this.#run();
    return this.#running;
  }

  async #run(): Promise<void> {
    // WHY: values that are put in one turn are one save.
    await Promise.resolve();
    for (let next = this.#next; next !== undefined; next = this.#next) {
      this.#next = undefined;
      await this.#save(next.value);
    }
    this.#running = undefined;
  }
}
