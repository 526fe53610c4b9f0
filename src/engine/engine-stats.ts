import type { PrefixStats } from './prefix/prefix-cache.ts';

/** Counts since the engine was opened. Times cover the most recent steps. */
export interface EngineStats {
  readonly requests: RequestCounts;
  readonly tokens: { readonly prompt: number; readonly generated: number };
  /** Decode steps by the number of sequences in them. */
  readonly batchSizes: Readonly<Record<number, number>>;
  readonly decodeMs: Percentiles;
  readonly prefillMs: Percentiles;
  /** What is kept of prompts. Absent if nothing is kept. */
  readonly prefixes?: PrefixStats;
}

export interface RequestCounts {
  readonly accepted: number;
  readonly refused: number;
  readonly finished: number;
  readonly cancelled: number;
  readonly failed: number;
  /** How often a sequence lost its slot and was run again from its first token. */
  readonly preempted: number;
}

export interface Percentiles {
  readonly count: number;
  readonly p50: number;
  readonly p99: number;
}

const remembered = 4096;

/** Records the counts. A step allocates nothing here. */
export class StatsRecorder {
  readonly requests = { accepted: 0, refused: 0, finished: 0, cancelled: 0, failed: 0, preempted: 0 };
  readonly tokens = { prompt: 0, generated: 0 };
  readonly #batches: Uint32Array;
  readonly #decode = new RecentTimes();
  readonly #prefill = new RecentTimes();

  constructor(slots: number) {
    this.#batches = new Uint32Array(slots + 1);
  }

  decoded(batch: number, ms: number): void {
    this.#batches[batch] = (this.#batches[batch] ?? 0) + 1;
    this.#decode.add(ms);
  }

  prefilled(tokens: number, ms: number): void {
    this.tokens.prompt += tokens;
    this.#prefill.add(ms);
  }

  report(): EngineStats {
    const sizes = Array.from(this.#batches, (count, size) => [size, count] as const);
    return {
      requests: { ...this.requests },
      tokens: { ...this.tokens },
      batchSizes: Object.fromEntries(sizes.filter(([, count]) => count > 0)),
      decodeMs: this.#decode.percentiles(),
      prefillMs: this.#prefill.percentiles(),
    };
  }
}

class RecentTimes {
  readonly #times = new Float64Array(remembered);
  #count = 0;

  add(ms: number): void {
    this.#times[this.#count++ % remembered] = ms;
  }

  percentiles(): Percentiles {
    const sorted = this.#times.slice(0, Math.min(this.#count, remembered)).sort();
    const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
    return { count: this.#count, p50: at(0.5), p99: at(0.99) };
  }
}
