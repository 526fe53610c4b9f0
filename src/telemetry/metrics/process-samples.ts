import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks';

/** WHY not finer: the watch wakes the process so often. */
const resolutionMs = 20;

/** Delays of the event loop, in seconds, since they were taken last. */
export interface LoopDelays {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** Watches how late the event loop is, until it is disposed. */
export class LoopWatch implements Disposable {
  readonly #histogram: IntervalHistogram = monitorEventLoopDelay({ resolution: resolutionMs });

  constructor() {
    this.#histogram.enable();
  }

  take(): LoopDelays {
    const histogram = this.#histogram;
    // WHY less the resolution: what is measured is the time between two wakings.
    const seconds = (nanoseconds: number): number => Math.max(0, nanoseconds / 1e9 - resolutionMs / 1e3);
    const isEmpty = histogram.count === 0;
    const delays = {
      p50: isEmpty ? 0 : seconds(histogram.percentile(50)),
      p99: isEmpty ? 0 : seconds(histogram.percentile(99)),
      max: isEmpty ? 0 : seconds(histogram.max),
    };
    histogram.reset();
    return delays;
  }

  [Symbol.dispose](): void {
    this.#histogram.disable();
  }
}
