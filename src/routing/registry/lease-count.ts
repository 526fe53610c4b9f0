/** A lease that has not been returned. */
export interface OpenLease {
  readonly alias: string;
  /** The clock's time at which it began. */
  readonly since: number;
  /** Whether it was told of as overdue. */
  isOverdue: boolean;
}

/** Counts leases, and tells when none is left. */
export class LeaseCount {
  #count = 0;
  readonly #waiting = new Set<(isIdle: boolean) => void>();

  get count(): number {
    return this.#count;
  }

  begin(): void {
    this.#count++;
  }

  end(): void {
    this.#count--;
    if (this.#count === 0) this.#answer(true);
  }

  /**
   * Waits until there is no lease.
   * @returns false if `giveUp` was called before
   */
  async idle(signal?: AbortSignal): Promise<boolean> {
    signal?.throwIfAborted();
    if (this.#count === 0) return true;
    return new Promise((resolve, reject) => {
      const settle = (isIdle: boolean): void => {
        signal?.removeEventListener('abort', abort);
        resolve(isIdle);
      };
      const abort = (): void => {
        this.#waiting.delete(settle);
        reject(signal?.reason instanceof Error ? signal.reason : new Error(String(signal?.reason)));
      };
      signal?.addEventListener('abort', abort, { once: true });
      this.#waiting.add(settle);
    });
  }

  /** Ends all waiting. */
  giveUp(): void {
    this.#answer(false);
  }

  #answer(isIdle: boolean): void {
    for (const settle of this.#waiting) settle(isIdle);
    this.#waiting.clear();
  }
}
