import { Pace, type Timers } from '../../core/index.ts';

/** How long work waits for more of its kind. */
const delayMs = 500;
/** Work that waits at most, so that what it holds has a bound. */
const most = 256;

/**
 * Work that need not be done at once. It is done in the order in which it came, much of it at a time, in slices.
 *
 * WHY: to write the spans of an answer takes several times as long between two steps of a model, whose weights have emptied the caches of
 * the core, as it takes after the spans of another answer.
 */
export class LateWork {
  readonly #timers: Timers;
  readonly #tasks: (() => void)[] = [];
  #cancel: (() => void) | undefined;
  #isAtWork = false;

  constructor(timers: Timers) {
    this.#timers = timers;
  }

  /** @param task  must not fail */
  add(task: () => void): void {
    this.#tasks.push(task);
    // WHY: what is done in slices goes on until nothing waits.
    if (this.#isAtWork) return;
    if (this.#tasks.length >= most) void this.#doInSlices();
    else this.#cancel ??= this.#timers.after(delayMs, () => void this.#doInSlices());
  }

  /** Does all that waits, at once. */
  finish(): void {
    this.#cancelTimer();
    for (let task = this.#tasks.shift(); task !== undefined; task = this.#tasks.shift()) task();
  }

  async #doInSlices(): Promise<void> {
    this.#cancelTimer();
    this.#isAtWork = true;
    const pace = new Pace();
    for (let task = this.#tasks.shift(); task !== undefined; task = this.#tasks.shift()) {
      task();
      const turn = pace.step();
      if (turn) await turn;
    }
    this.#isAtWork = false;
  }

  #cancelTimer(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }
}
