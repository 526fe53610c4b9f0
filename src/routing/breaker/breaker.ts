import { nearestRank } from '../../core/index.ts';
import { readBreakerOptions, type BreakerOptions, type BreakerSettings } from './breaker-options.ts';
import { LatencyBaseline } from './latency-baseline.ts';
import { RequestWindow } from './request-window.ts';

export type BreakerState = 'closed' | 'open' | 'half-open';

/** A call may be made. It is given back to `record` with the result, once. */
export interface Admitted {
  readonly kind: 'admit' | 'probe';
  /** The stretch between two changes of state to which the call belongs. */
  readonly epoch: number;
}

export interface Refused {
  readonly kind: 'refuse';
  /** When a call may be admitted again, at the latest. */
  readonly retryAt: number;
}

export type Admission = Admitted | Refused;

/**
 * How a call ended. A failed call counts as infinitely slow. A cancelled one says nothing about the version: the client has gone, or the
 * call was refused for a reason that is not the version's (`outcomeOf`).
 */
export type CallResult =
  | { readonly outcome: 'success'; readonly latencyMs: number }
  | { readonly outcome: 'failure' }
  | { readonly outcome: 'cancelled' };

export interface BreakerChange {
  readonly from: BreakerState;
  readonly to: BreakerState;
  readonly at: number;
  readonly reason: 'failures' | 'cool-down over' | 'probe failed' | 'probe timed out' | 'probes succeeded';
  /** Calls of the window, and how many of them failed, before the change. */
  readonly requests: number;
  readonly failures: number;
}

export interface BreakerFacts {
  readonly state: BreakerState;
  readonly requests: number;
  readonly failures: number;
  readonly slow: number;
  readonly baselineMs: number | undefined;
  /** When an open breaker lets the first probe through. */
  readonly openUntil: number | undefined;
}

interface Probe extends Admitted {
  readonly kind: 'probe';
  readonly deadline: number;
}

/**
 * Decides whether a version may answer. Pure state: it has no timer, and all times are passed in, in milliseconds of one monotonic clock.
 * A change of state happens at a call of one of the methods, never between two calls.
 *
 * Closed, it trips when the window holds enough calls, more than the allowed share of them failed, and the percentile of latency exceeds
 * the allowed multiple of the baseline. Each call is compared with the baseline in force when it ended, so that counts suffice: the
 * percentile exceeds a limit exactly if more calls exceed it than the percentile leaves. Failed calls exceed every limit. Open, it refuses
 * until the cool-down is over. Half-open, it admits one probe at a time; one that fails opens it again, for longer.
 *
 * Results of calls that were admitted before the last change of state are ignored.
 */
export class Breaker {
  readonly #settings: BreakerSettings;
  readonly #onChange: ((change: BreakerChange) => void) | undefined;
  readonly #window: RequestWindow;
  readonly #baseline: LatencyBaseline;
  #referenceMs: number | undefined;
  #now = 0;
  #state: BreakerState = 'closed';
  /** What every call of this epoch gets, so that admission allocates nothing. */
  #admitted: Admitted = { kind: 'admit', epoch: 0 };
  #refused: Refused = { kind: 'refuse', retryAt: 0 };
  #probe: Probe | undefined;
  #probesLeft = 0;
  /** Trips since the breaker was last closed for a whole window. */
  #trips = 0;
  #closedAt = -Infinity;

  /**
   * @param onChange  called at each change of state, after it
   * @throws EspalierError OPTION_UNKNOWN, OPTION_INVALID
   */
  constructor(options: BreakerOptions = {}, onChange?: (change: BreakerChange) => void) {
    this.#settings = readBreakerOptions(options);
    this.#onChange = onChange;
    this.#window = new RequestWindow(this.#settings.windowMs);
    this.#baseline = new LatencyBaseline(this.#settings);
  }

  /** Compares with the latency of another version, such as the stable one of a roll-out; undefined: with this version's own. */
  compareWith(baselineMs: number | undefined): void {
    this.#referenceMs = baselineMs;
  }

  admit(now: number): Admission {
    this.#advance(now);
    if (this.#state === 'closed') return this.#admitted;
    if (this.#state === 'open' || this.#probe !== undefined) return this.#refused;
    const deadline = this.#now + this.#settings.probeTimeoutMs;
    this.#probe = { kind: 'probe', epoch: this.#admitted.epoch, deadline };
    this.#refused = { kind: 'refuse', retryAt: deadline };
    return this.#probe;
  }

  /** @param admission  what `admit` returned for this call */
  record(admission: Admitted, result: CallResult, now: number): void {
    this.#advance(now);
    if (admission.epoch !== this.#admitted.epoch) return;
    if (admission.kind === 'probe') this.#endProbe(admission, result);
    else if (result.outcome !== 'cancelled') this.#count(result);
  }

  /** Where the breaker stands at this time. */
  facts(now: number): BreakerFacts {
    this.#advance(now);
    const { requests, failures, slow } = this.#window;
    const openUntil = this.#state === 'open' ? this.#refused.retryAt : undefined;
    return { state: this.#state, requests, failures, slow, baselineMs: this.#baselineMs, openUntil };
  }

  get #baselineMs(): number | undefined {
    return this.#referenceMs ?? this.#baseline.value;
  }

  #advance(now: number): void {
    // WHY: a monotonic clock does not go back. If a caller's does, time stands still here, and nothing counts twice.
    if (now > this.#now) this.#now = now;
    this.#window.advance(this.#now);
    this.#baseline.advance(this.#now);
    if (this.#state === 'open' && this.#now >= this.#refused.retryAt) this.#halfOpen();
    else if (this.#probe !== undefined && this.#now >= this.#probe.deadline) this.#open('probe timed out');
  }

  #count(result: Exclude<CallResult, { readonly outcome: 'cancelled' }>): void {
    const isFailure = result.outcome === 'failure';
    this.#window.add(isFailure, isFailure || this.#isSlow(result.latencyMs));
    if (!isFailure) this.#baseline.add(result.latencyMs);
    if (this.#shouldTrip()) this.#open('failures');
  }

  #isSlow(latencyMs: number): boolean {
    const baseline = this.#baselineMs;
    return baseline !== undefined && latencyMs / baseline > this.#settings.latencyRatio;
  }

  #shouldTrip(): boolean {
    const { requests, failures, slow } = this.#window;
    const { minimumRequests, failureRate, percentile } = this.#settings;
    if (requests < minimumRequests || !(failures / requests > failureRate)) return false;
    return requests - slow < nearestRank(percentile, requests);
  }

  #endProbe(probe: Admitted, { outcome }: CallResult): void {
    if (probe !== this.#probe) return;
    this.#probe = undefined;
    if (outcome === 'failure') this.#open('probe failed');
    else if (outcome === 'success' && --this.#probesLeft === 0) this.#close();
  }

  #open(reason: BreakerChange['reason']): void {
    const { windowMs, coolDownMs, coolDownGrowth, coolDownLimitMs } = this.#settings;
    if (this.#state === 'closed' && this.#now - this.#closedAt >= windowMs) this.#trips = 0;
    const coolDown = Math.min(coolDownMs * coolDownGrowth ** this.#trips, coolDownLimitMs);
    this.#trips++;
    this.#probe = undefined;
    this.#refused = { kind: 'refuse', retryAt: this.#now + coolDown };
    this.#change('open', reason);
    this.#baseline.restart();
  }

  #halfOpen(): void {
    this.#probesLeft = this.#settings.probes;
    this.#change('half-open', 'cool-down over');
  }

  #close(): void {
    this.#closedAt = this.#now;
    this.#change('closed', 'probes succeeded');
  }

  #change(to: BreakerState, reason: BreakerChange['reason']): void {
    const { requests, failures } = this.#window;
    const change: BreakerChange = { from: this.#state, to, at: this.#now, reason, requests, failures };
    this.#state = to;
    this.#admitted = { kind: 'admit', epoch: this.#admitted.epoch + 1 };
    this.#window.clear();
    this.#onChange?.(change);
  }
}
