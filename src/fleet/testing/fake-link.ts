import type { Clock, Timers } from '../../core/index.ts';

/** Time that passes when a test says so, with turns of the event loop in between. */
export class FakeTime implements Clock, Timers {
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

  /** Runs what is due until then, each at its time, and what follows from it. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    for (;;) {
      await new Promise((resolve) => setImmediate(resolve));
      const [next] = [...this.#waiting].filter(({ at }) => at <= end).toSorted((a, b) => a.at - b.at);
      if (next === undefined) break;
      this.#waiting.delete(next);
      this.#now = next.at;
      next.run();
    }
    this.#now = end;
  }
}

/** A link between a source and who asks it. What begins while it is cut, or is under way then, hears nothing any more. */
export class FakeLink {
  readonly #time: FakeTime;
  #isCut = false;
  /** Questions and fetches that wait, by what ends them. */
  readonly #under = new Set<() => void>();
  asked = 0;

  constructor(time: FakeTime) {
    this.#time = time;
  }

  get waiting(): number {
    return this.#under.size;
  }

  cut(): void {
    this.#isCut = true;
    for (const silence of this.#under) silence();
  }

  restore(): void {
    this.#isCut = false;
  }

  /** Something that is there after a time, unless the link is cut before. */
  transfer<T>(value: T, tookMs: number, signal: AbortSignal): Promise<T> {
    this.asked++;
    return new Promise((resolve, reject) => {
      const end = (): void => {
        cancel();
        this.#under.delete(cancel);
        signal.removeEventListener('abort', onAbort);
      };
      const onAbort = (): void => {
        end();
        reject(signal.reason);
      };
      const cancel = this.#isCut
        ? () => undefined
        : this.#time.after(tookMs, () => {
            end();
            resolve(value);
          });
      this.#under.add(cancel);
      signal.addEventListener('abort', onAbort);
    });
  }
}
