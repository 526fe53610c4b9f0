import type { FakeTimers } from '../../core/testing/fake-timers.ts';

/** A link between a source and who asks it. What begins while it is cut, or is under way then, hears nothing any more. */
export class FakeLink {
  readonly #time: FakeTimers;
  #isCut = false;
  /** Questions and fetches that wait, by what ends them. */
  readonly #under = new Set<() => void>();
  asked = 0;

  constructor(time: FakeTimers) {
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
