/** Runs a limited number of tasks at once. Urgent tasks go before background tasks. */
export class Lanes {
  readonly #limit: number;
  readonly #urgent: (() => void)[] = [];
  readonly #background: (() => void)[] = [];
  #running = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** @returns what the task returns */
  async take<T>(task: () => Promise<T>, { isUrgent = true }: { readonly isUrgent?: boolean } = {}): Promise<T> {
    // WHY one lane stays free: a background task takes long, and an urgent task must not wait for it.
    if (this.#running < (isUrgent ? this.#limit : this.#limit - 1)) this.#running++;
    else await new Promise<void>((resolve) => (isUrgent ? this.#urgent : this.#background).push(resolve));
    try {
      return await task();
    } finally {
      this.#handOver();
    }
  }

  #handOver(): void {
    const next = this.#urgent.shift() ?? (this.#running < this.#limit ? this.#background.shift() : undefined);
    if (next) next();
    else this.#running--;
  }
}
