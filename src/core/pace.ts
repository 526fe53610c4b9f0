import { breathe } from './breathe.ts';
import { systemClock } from './clock.ts';

/** Longest slice of work between two turns of the event loop. */
const sliceMs = 1.5;

/** Keeps long work off the event loop: call `step` often, and it lets other tasks run whenever a slice has taken long enough. */
export class Pace {
  #since = systemClock.now();

  /** undefined, without a promise to wait for, while the slice is still short: `const turn = pace.step(); if (turn) await turn;` */
  step(): Promise<void> | undefined {
    return systemClock.now() - this.#since < sliceMs ? undefined : this.#breathe();
  }

  async #breathe(): Promise<void> {
    await breathe();
    this.#since = systemClock.now();
  }
}
