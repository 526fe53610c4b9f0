import type { BreakerSettings } from '../breaker/breaker-options.ts';
import type { BreakerFacts, BreakerState, CallResult } from '../breaker/breaker.ts';
import { roundedLatency } from '../breaker/latency-histogram.ts';

/** Mistakes that a breaker can have; the comparison with the oracle must show each. */
export const flaws = [
  'window one part too long',
  'window one part too short',
  'window moves one part a call',
  'late results count',
  'late probes count',
  'trips at the failure rate',
  'trips at the latency ratio',
  'needs one request more',
  'fast failures are fast',
  'ignores latency',
  'cancelled calls fail',
  'two probes at once',
  'one probe closes',
  'probes never time out',
  'cool-down never grows',
  'cool-down grows without limit',
  'cool-down never forgets',
  'forgets nothing when it closes',
  'baseline from one call fewer',
  'baseline from the stretch of a trip',
] as const;

export type Flaw = (typeof flaws)[number];

interface Counted {
  readonly time: number;
  readonly epoch: number;
  readonly isFailure: boolean;
  /** In units of the baseline in force when the call ended. */
  readonly slowness: number;
  readonly latencyMs: number;
}

/** A call that was admitted, as the oracle remembers it. */
export interface OracleCall {
  readonly epoch: number;
  readonly isProbe: boolean;
  readonly at: number;
}

/** The breaker as its description says it: keeps every event, and looks through all of them at each question. */
export class BreakerOracle {
  readonly #settings: BreakerSettings;
  readonly #flaw: Flaw | undefined;
  readonly #counted: Counted[] = [];
  readonly #trips: { readonly at: number; readonly fromClosed: boolean; readonly closedFor: number }[] = [];
  #referenceMs: number | undefined;
  #now = 0;
  #state: BreakerState = 'closed';
  #epoch = 0;
  #closedAt = -Infinity;
  #openUntil = 0;
  #probes: OracleCall[] = [];
  #succeeded = 0;
  #windowStart = 0;

  constructor(settings: BreakerSettings, flaw?: Flaw) {
    this.#settings = settings;
    this.#flaw = flaw;
  }

  compareWith(baselineMs: number | undefined): void {
    this.#referenceMs = baselineMs;
  }

  admit(now: number): OracleCall | { readonly retryAt: number } {
    this.#advance(now);
    const call = { epoch: this.#epoch, isProbe: this.#state === 'half-open', at: this.#now };
    if (this.#state === 'closed') return call;
    if (this.#state === 'open') return { retryAt: this.#openUntil };
    const [probe] = this.#probes;
    const most = this.#has('two probes at once') ? 2 : 1;
    if (probe !== undefined && this.#probes.length >= most)
      return { retryAt: probe.at + this.#settings.probeTimeoutMs };
    this.#probes.push(call);
    return call;
  }

  record(call: OracleCall, result: CallResult, now: number): void {
    this.#advance(now);
    const { outcome } = result;
    const isCurrent = call.epoch === this.#epoch;
    if (call.isProbe) {
      if (!isCurrent && !(this.#has('late probes count') && this.#state === 'half-open')) return;
      if (isCurrent && !this.#probes.includes(call)) return;
      this.#probes = this.#probes.filter((probe) => probe !== call);
      if (outcome === 'failure') this.#open();
      if (outcome === 'success') this.#succeed();
      return;
    }
    if (!isCurrent && !(this.#has('late results count') && this.#state === 'closed')) return;
    if (this.#state !== 'closed' || (outcome === 'cancelled' && !this.#has('cancelled calls fail'))) return;
    const baseline = this.#baseline();
    const latencyMs = outcome === 'success' ? result.latencyMs : Infinity;
    const slowness = this.#slowness(outcome !== 'success', latencyMs, baseline);
    const isFailure = outcome !== 'success';
    this.#counted.push({ time: this.#now, epoch: this.#epoch, isFailure, slowness, latencyMs });
    if (this.#shouldTrip()) this.#open();
  }

  facts(now: number): BreakerFacts {
    this.#advance(now);
    const window = this.#window();
    return {
      state: this.#state,
      requests: window.length,
      failures: window.filter(({ isFailure }) => isFailure).length,
      slow: window.filter(({ slowness, isFailure }) => isFailure || slowness > this.#settings.latencyRatio).length,
      baselineMs: this.#baseline(),
      openUntil: this.#state === 'open' ? this.#openUntil : undefined,
    };
  }

  #slowness(isFailure: boolean, latencyMs: number, baseline: number | undefined): number {
    if (isFailure) return this.#has('fast failures are fast') ? 0 : Infinity;
    return baseline === undefined ? 0 : latencyMs / baseline;
  }

  #advance(now: number): void {
    this.#now = Math.max(now, this.#now);
    if (this.#state === 'open' && this.#now >= this.#openUntil) {
      this.#become('half-open');
      return;
    }
    const isLate = this.#probes.some(({ at }) => this.#now >= at + this.#settings.probeTimeoutMs);
    if (isLate && !this.#has('probes never time out')) this.#open();
  }

  #window(): Counted[] {
    const part = this.#settings.windowMs / 60;
    const age = ({ time }: Counted): number => Math.floor(this.#now / part) - Math.floor(time / part);
    const parts = this.#has('window one part too long') ? 61 : this.#has('window one part too short') ? 59 : 60;
    const inEpoch = this.#counted.filter((call) => call.epoch >= this.#windowStart);
    if (!this.#has('window moves one part a call')) return inEpoch.filter((call) => age(call) < parts);
    // A window that turns by one part a call, however much time has passed.
    return inEpoch.filter((call, i) => age(call) < parts || inEpoch.length - i <= parts);
  }

  #shouldTrip(): boolean {
    const { minimumRequests, failureRate, percentile, latencyRatio } = this.#settings;
    const window = this.#window();
    const count = window.length;
    if (count < minimumRequests + (this.#has('needs one request more') ? 1 : 0)) return false;
    const rate = window.filter(({ isFailure }) => isFailure).length / count;
    if (!(rate > failureRate) && !(this.#has('trips at the failure rate') && rate >= failureRate)) return false;
    const slowness = percentileOf(
      window.map((call) => call.slowness),
      percentile,
    );
    if (this.#has('trips at the latency ratio') && slowness >= latencyRatio) return true;
    return slowness > latencyRatio || this.#has('ignores latency');
  }

  #succeed(): void {
    this.#succeeded++;
    if (this.#succeeded < this.#settings.probes && !this.#has('one probe closes')) return;
    this.#closedAt = this.#now;
    this.#become('closed');
  }

  #open(): void {
    const fromClosed = this.#state === 'closed';
    this.#trips.push({ at: this.#now, fromClosed, closedFor: this.#now - this.#closedAt });
    this.#openUntil = this.#now + this.#coolDown();
    this.#become('open');
  }

  #coolDown(): number {
    const { windowMs, coolDownMs, coolDownGrowth, coolDownLimitMs } = this.#settings;
    const isFresh = ({ fromClosed, closedFor }: { fromClosed: boolean; closedFor: number }): boolean =>
      fromClosed && closedFor >= windowMs;
    const first = this.#has('cool-down never forgets') ? 0 : this.#trips.findLastIndex(isFresh);
    const earlier = this.#has('cool-down never grows') ? 0 : this.#trips.length - 1 - first;
    const grown = coolDownMs * coolDownGrowth ** earlier;
    return this.#has('cool-down grows without limit') ? grown : Math.min(grown, coolDownLimitMs);
  }

  #become(state: BreakerState): void {
    this.#state = state;
    this.#epoch++;
    this.#probes = [];
    this.#succeeded = 0;
    const keeps = state === 'closed' && this.#has('forgets nothing when it closes');
    this.#windowStart = keeps ? 0 : this.#epoch;
  }

  /** Goes through all successful calls: a baseline is made when a stretch with enough of them is over, and no trip lies between. */
  #baseline(): number | undefined {
    if (this.#referenceMs !== undefined) return this.#referenceMs;
    const { windowMs, percentile, baselineRequests } = this.#settings;
    const needed = baselineRequests - (this.#has('baseline from one call fewer') ? 1 : 0);
    const stretchOf = (time: number): number => Math.floor(time / windowMs);
    let baseline: number | undefined;
    let stretch: Counted[] = [];
    const end = (time: number, epoch: number): void => {
      const last = stretch.at(-1);
      if (last === undefined) return;
      const isOver = stretchOf(time) > stretchOf(last.time);
      const tripped = this.#trips.find(({ at }) => at >= last.time && last.epoch < epoch)?.at;
      const isOverFirst = tripped === undefined || stretchOf(tripped) > stretchOf(last.time);
      if (isOver && isOverFirst && stretch.length >= needed) {
        baseline = roundedLatency(
          percentileOf(
            stretch.map(({ latencyMs }) => latencyMs),
            percentile,
          ),
        );
        stretch = [];
      } else if (tripped !== undefined && !this.#has('baseline from the stretch of a trip')) stretch = [];
    };
    for (const call of this.#counted.filter(({ isFailure }) => !isFailure)) {
      end(call.time, call.epoch);
      stretch.push(call);
    }
    end(this.#now, this.#epoch);
    return baseline;
  }

  #has(flaw: Flaw): boolean {
    return this.#flaw === flaw;
  }
}

/** The smallest sample that at least this share of the samples does not exceed. */
function percentileOf(samples: readonly number[], share: number): number {
  const sorted = samples.toSorted((a, b) => a - b);
  return sorted.find((_, i) => (i + 1) / sorted.length >= share) ?? Infinity;
}
