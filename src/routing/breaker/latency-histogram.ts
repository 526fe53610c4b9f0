import { nearestRank } from '../../core/index.ts';

/** Each bin reaches 2 % further than the one before it. */
const growth = 1.02;
const leastMs = 0.01;
const mostMs = 1e7;
const bins = Math.ceil(Math.log(mostMs / leastMs) / Math.log(growth)) + 1;

/**
 * Latencies in bins that grow by 2 %, from 10 microseconds to 2.7 hours: 4 kB, however many samples. A percentile is the upper end of
 * its bin, so it is never too small, and at most 2 % too large. Smaller latencies count as the smallest, larger ones as the largest.
 */
export class LatencyHistogram {
  readonly #counts = new Uint32Array(bins);
  #count = 0;

  get count(): number {
    return this.#count;
  }

  add(latencyMs: number): void {
    const bin = binOf(latencyMs);
    this.#counts[bin] = (this.#counts[bin] ?? 0) + 1;
    this.#count++;
  }

  /** The latency that the share `percentile` of the samples does not exceed; undefined without samples. */
  percentile(percentile: number): number | undefined {
    if (this.#count === 0) return undefined;
    const rank = nearestRank(percentile, this.#count);
    let seen = 0;
    const bin = this.#counts.findIndex((count) => (seen += count) >= rank);
    return endOf(bin);
  }

  clear(): void {
    this.#counts.fill(0);
    this.#count = 0;
  }
}

/** The upper end of the bin into which a latency falls. */
export function roundedLatency(latencyMs: number): number {
  return endOf(binOf(latencyMs));
}

function binOf(latencyMs: number): number {
  if (!(latencyMs > leastMs)) return 0;
  return Math.min(Math.ceil(Math.log(latencyMs / leastMs) / Math.log(growth)), bins - 1);
}

function endOf(bin: number): number {
  return leastMs * growth ** bin;
}
