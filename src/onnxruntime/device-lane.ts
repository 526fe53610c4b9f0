/**
 * Lets the operations on a device follow one another, in the order in which they are asked for.
 *
 * WHY: all sessions of a provider share one device context, which no two threads may use at once. A run is on a thread of its own, and
 * binding, allocating and releasing are on the event loop.
 */
export class DeviceLane {
  #last: Promise<void> = Promise.resolve();
  #length = 0;

  /** Whether something runs or waits. */
  get isBusy(): boolean {
    return this.#length > 0;
  }

  /** Runs an operation after all that were asked for before. A failure is that of this operation only. */
  run<T>(operation: () => T | Promise<T>): Promise<T> {
    this.#length++;
    const result = this.#last.then(operation);
    this.#last = result.then(
      () => this.#end(),
      () => this.#end(),
    );
    return result;
  }

  /** Runs a short operation that cannot fail: at once if the lane is free, otherwise in its turn. */
  soon(operation: () => void): Promise<void> | undefined {
    if (this.isBusy) return this.run(operation);
    operation();
    return undefined;
  }

  #end(): void {
    this.#length--;
  }
}
