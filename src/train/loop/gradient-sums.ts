import type { GradientRange } from '../graph/gradient-buckets.ts';

export interface GradientSumsOptions {
  /** In the order in which they are summed, the same on every process. */
  readonly ranges: readonly GradientRange[];
  /** Brings the numbers of a range together that this process has, once all of them are written. */
  readonly collect: (range: GradientRange) => Promise<void>;
  /** Replaces the numbers of a range by their sums over all processes. */
  readonly sum: (range: GradientRange) => Promise<void>;
}

/**
 * The sums of a step's gradients over all processes, range by range, each from when it is written. When that is depends on the timing;
 * the order of the sums, and where each begins and ends, do not.
 */
export class GradientSums {
  readonly #options: GradientSumsOptions;
  #begun = 0;
  #last: Promise<void> = Promise.resolve();

  constructor(options: GradientSumsOptions) {
    this.#options = options;
  }

  /** @param count  of the first ranges, that are written */
  begin(count: number): void {
    const { ranges, collect, sum } = this.#options;
    for (const range of ranges.slice(this.#begun, count)) {
      this.#last = this.#last.then(async () => {
        await collect(range);
        await sum(range);
      });
    }
    this.#begun = Math.max(this.#begun, count);
    // WHY: a pass that fails meanwhile is what ends the step, and nobody waits for the sums then.
    this.#last.catch(() => undefined);
  }

  /** Sums what is left. All ranges are written. */
  async end(): Promise<void> {
    this.begin(this.#options.ranges.length);
    await this.#last;
  }
}
