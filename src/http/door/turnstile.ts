/**
 * Lets one caller pass in each turn of the event loop, in the order of their coming. WHY: when a thousand requests come at the same
 * time, Node hands all of them over in one turn, and running answers would pause until the last one was read and begun.
 */
export class Turnstile {
  readonly #waiting: (() => void)[] = [];
  #isOpen = true;

  /** @returns undefined if the caller may go on at once, or a promise of its turn */
  enter(): Promise<void> | undefined {
    if (!this.#isOpen) return new Promise((resolve) => this.#waiting.push(resolve));
    this.#isOpen = false;
    setImmediate(() => this.#letNextPass());
    return undefined;
  }

  /** Whether nobody passes or waits. */
  get isIdle(): boolean {
    return this.#isOpen;
  }

  #letNextPass(): void {
    const next = this.#waiting.shift();
    this.#isOpen = next === undefined;
    if (next === undefined) return;
    next();
    setImmediate(() => this.#letNextPass());
  }
}
