import { LatencyHistogram } from './latency-histogram.ts';

export interface BaselineSettings {
  readonly windowMs: number;
  readonly percentile: number;
  readonly baselineRequests: number;
}

/**
 * The latency that a version has shown: the percentile of its successful calls in the last stretch of one window that is over. A stretch
 * with too few calls goes on into the next one. Calls of a stretch in which the breaker tripped are left out.
 */
export class LatencyBaseline {
  readonly #settings: BaselineSettings;
  #samples: LatencyHistogram | undefined;
  #stretch = 0;
  #value: number | undefined;

  constructor(settings: BaselineSettings) {
    this.#settings = settings;
  }

  get value(): number | undefined {
    return this.#value;
  }

  /** Ends the stretch if its time is over. */
  advance(now: number): void {
    const stretch = Math.floor(now / this.#settings.windowMs);
    if (stretch === this.#stretch) return;
    this.#stretch = stretch;
    if (this.#samples === undefined || this.#samples.count < this.#settings.baselineRequests) return;
    this.#value = this.#samples.percentile(this.#settings.percentile);
    this.#samples.clear();
  }

  add(latencyMs: number): void {
    this.#samples ??= new LatencyHistogram();
    this.#samples.add(latencyMs);
  }

  /** Leaves out the stretch that has begun. The baseline of earlier stretches remains. */
  restart(): void {
    this.#samples?.clear();
  }
}
