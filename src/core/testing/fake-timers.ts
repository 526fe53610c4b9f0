import type { Clock } from '../clock.ts';
import type { Timers } from '../timers.ts';

/** Time that passes when a test says so. */
export class FakeTimers implements Clock, Timers {
  #now = 0;
  readonly #waiting = new Set<{ readonly at: number; readonly run: () => void }>();

  now(): number {
    return this.#now;
  }

  after(ms: number, run: () => void): () => void {
    const entry = { at: this.#now + ms, run };
    this.#waiting.add(entry);
    return () => this.#waiting.delete(entry);
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  /** Runs what is due until then, each at its time. */
  advance(ms: number): void {
    const end = this.#now + ms;
    while (this.#runNext(end));
    this.#now = end;
  }

  /** The same with a turn of the event loop before each, so that what follows from one runs before the next. */
  async advanceInTurns(ms: number): Promise<void> {
    const end = this.#now + ms;
    do await new Promise((resolve) => setImmediate(resolve));
    while (this.#runNext(end));
    this.#now = end;
  }

  /** @returns whether something was due until then */
  #runNext(end: number): boolean {
    const [next] = [...this.#waiting].filter(({ at }) => at <= end).toSorted((a, b) => a.at - b.at);
    if (next === undefined) return false;
    this.#waiting.delete(next);
    this.#now = next.at;
    next.run();
    return true;
  }
}
