/**
 * Runs a limited number of tasks at once. Urgent tasks go before background tasks, and of several lanes one stays free of background
 * tasks. The only lane of one takes both kinds.
 */
export class Lanes {
  readonly #limit: number;
  /** Most tasks beside which, and with which, a background task may run. */
  readonly #backgroundLimit: number;
  readonly #urgent: (() => void)[] = [];
  readonly #background: (() => void)[] = [];
  #running = 0;

  /**
   * @param limit  most tasks that run at once
   * @throws RangeError if it is not an integer from 1
   */
  constructor(limit: number) {
    if (!Number.isSafeInteger(limit) || limit < 1) throw new RangeError(`Lanes need an integer from 1, got ${limit}`);
    this.#limit = limit;
    // WHY one lane stays free: a background task takes long, and an urgent task must not wait for it.
    this.#backgroundLimit = Math.max(1, limit - 1);
  }

  /** @returns what the task returns */
  async take<T>(task: () => Promise<T>, { isUrgent = true }: { readonly isUrgent?: boolean } = {}): Promise<T> {
    if (this.#running < (isUrgent ? this.#limit : this.#backgroundLimit)) this.#running++;
    else await new Promise<void>((resolve) => (isUrgent ? this.#urgent : this.#background).push(resolve));
    try {
      return await task();
    } finally {
      this.#handOver();
    }
  }

  #handOver(): void {
    const next =
      this.#urgent.shift() ?? (this.#running <= this.#backgroundLimit ? this.#background.shift() : undefined);
    if (next) next();
    else this.#running--;
  }
}
