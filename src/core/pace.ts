import { breathe } from './breathe.ts';
import { systemClock } from './clock.ts';

/** Longest slice of work between two turns of the event loop, in milliseconds. */
const usualSlice = 1.5;

/** Splits long work into slices. Call `step` often: when a slice has taken long enough, it lets other tasks run. */
export class Pace {
  readonly #sliceMs: number;
  #since = systemClock.now();

  /** @param sliceMs  shorter for work that leaves much to the garbage collector, whose time comes on top */
  constructor(sliceMs = usualSlice) {
    this.#sliceMs = sliceMs;
  }

  /** Returns undefined while the slice is short, and otherwise a promise to wait for: `const turn = pace.step(); if (turn) await turn;` */
  step(): Promise<void> | undefined {
    return systemClock.now() - this.#since < this.#sliceMs ? undefined : this.#breathe();
  }

  async #breathe(): Promise<void> {
    await breathe();
    this.#since = systemClock.now();
  }
}
