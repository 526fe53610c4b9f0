import { type Clock, systemClock } from '../../core/index.ts';

/** Adds up the time for which trainings run. */
export class TrainingTime {
  readonly #clock: Clock;
  /** When those that run began. */
  readonly #begun = new Set<{ readonly at: number }>();
  #endedMs = 0;

  constructor(clock: Clock = systemClock) {
    this.#clock = clock;
  }

  /** Counts a training from now until it has ended. */
  count(ended: Promise<unknown>): void {
    const begun = { at: this.#clock.now() };
    this.#begun.add(begun);
    const end = (): void => {
      this.#begun.delete(begun);
      this.#endedMs += this.#clock.now() - begun.at;
    };
    void ended.then(end, end);
  }

  /** Of those that have ended, and of those that run so far. */
  get seconds(): number {
    const now = this.#clock.now();
    let ms = this.#endedMs;
    for (const { at } of this.#begun) ms += now - at;
    return ms / 1000;
  }
}
