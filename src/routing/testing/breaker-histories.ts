import * as fc from 'fast-check';
import { readBreakerOptions, type BreakerOptions } from '../breaker/breaker-options.ts';
import { Breaker, type Admitted, type CallResult } from '../breaker/breaker.ts';
import { BreakerOracle, type Flaw, type OracleCall } from './breaker-oracle.ts';

type Event =
  | { readonly kind: 'wait'; readonly ms: number }
  | { readonly kind: 'admit' }
  | { readonly kind: 'end'; readonly pick: number; readonly result: CallResult }
  /** The result of a probe that has one already. */
  | { readonly kind: 'again'; readonly result: CallResult }
  | { readonly kind: 'calls'; readonly results: readonly CallResult[] }
  | { readonly kind: 'compare'; readonly baselineMs: number | undefined };

export interface History {
  readonly options: BreakerOptions;
  readonly events: readonly Event[];
}

// Exactly at the ratio of 1.2, just over it, and well apart.
const latency = fc.constantFrom(0, 10, 11, 12, 12.000001, 13, 15, 40, 1e9);
const success: fc.Arbitrary<CallResult> = latency.map((latencyMs) => ({ outcome: 'success', latencyMs }));
const failure: fc.Arbitrary<CallResult> = fc.constant({ outcome: 'failure' });
const result = fc.oneof(
  { arbitrary: success, weight: 6 },
  { arbitrary: failure, weight: 4 },
  { arbitrary: fc.constant<CallResult>({ outcome: 'cancelled' }), weight: 1 },
);

/** Around the ends of parts, windows, cool-downs and probes; a clock that goes back a little, too. */
const wait = fc.oneof(
  fc.constantFrom(0, 1, 10, 999, 1000, 1001, 4000, 29_999, 30_000, 30_001, 58_999, 59_000, 59_999, 60_000, 60_001),
  fc.constantFrom(-5, 120_000, 240_000, 3_600_000),
  fc.double({ min: 0, max: 5000, noNaN: true }),
);

const event: fc.Arbitrary<Event> = fc.oneof(
  { arbitrary: wait.map((ms): Event => ({ kind: 'wait', ms })), weight: 15 },
  { arbitrary: fc.constant<Event>({ kind: 'admit' }), weight: 25 },
  {
    arbitrary: fc.record({ kind: fc.constant('end' as const), pick: fc.nat({ max: 1000 }), result }),
    weight: 30,
  },
  { arbitrary: fc.record({ kind: fc.constant('again' as const), result }), weight: 3 },
  {
    arbitrary: fc.oneof(
      fc.record({ kind: fc.constant('calls' as const), results: fc.array(result, { maxLength: 12 }) }),
      fc.record({ kind: fc.constant('calls' as const), results: fc.array(failure, { maxLength: 12 }) }),
      fc.record({ kind: fc.constant('calls' as const), results: fc.array(success, { maxLength: 12 }) }),
    ),
    weight: 10,
  },
  {
    arbitrary: fc.record({
      kind: fc.constant('compare' as const),
      baselineMs: fc.constantFrom(undefined, undefined, 10),
    }),
    weight: 4,
  },
);

const someOptions: fc.Arbitrary<BreakerOptions> = fc.oneof(
  // The defaults, and others with which every rule is met within a few events.
  fc.constant<BreakerOptions>({}),
  fc.record({
    minimumRequests: fc.constantFrom(1, 2, 4, 10),
    failureRate: fc.constantFrom(0, 0.02, 0.1, 0.25, 0.5),
    percentile: fc.constantFrom(0.5, 0.6, 0.8, 0.95),
    baselineRequests: fc.constantFrom(1, 3, 5),
    probes: fc.constantFrom(1, 2, 3),
    coolDownMs: fc.constantFrom(1000, 30_000, 90_000),
    coolDownGrowth: fc.constantFrom(1, 2, 10),
    coolDownLimitMs: fc.constantFrom(30_000, 100_000),
  }),
);

export const histories: fc.Arbitrary<History> = fc.record({
  options: someOptions,
  events: fc.array(event, { minLength: 40, maxLength: 150, size: 'max' }),
});

/** Leads a breaker and the oracle through one history. @returns what differs after the first event at which something does */
export function differenceIn({ options: given, events }: History, flaw?: Flaw): string | undefined {
  return new Pair(given, flaw).run(events);
}

class Pair {
  readonly #breaker: Breaker;
  readonly #oracle: BreakerOracle;
  readonly #calls: { readonly admitted: Admitted; readonly call: OracleCall }[] = [];
  #probe: { readonly admitted: Admitted; readonly call: OracleCall } | undefined;
  #now = 1000;

  constructor(options: BreakerOptions, flaw: Flaw | undefined) {
    this.#breaker = new Breaker(options);
    this.#oracle = new BreakerOracle(readBreakerOptions(options), flaw);
  }

  run(events: readonly Event[]): string | undefined {
    for (const [i, one] of events.entries()) {
      const difference = this.#apply(one) ?? this.#compare();
      if (difference !== undefined) return `event ${i} (${JSON.stringify(one)}): ${difference}`;
    }
    return undefined;
  }

  #apply(one: Event): string | undefined {
    if (one.kind === 'wait') this.#now += one.ms;
    else if (one.kind === 'admit') return this.#admit();
    else if (one.kind === 'end') this.#end(one.pick % Math.max(this.#calls.length, 1), one.result);
    else if (one.kind === 'again') this.#endAgain(one.result);
    else if (one.kind === 'calls') return this.#callOneByOne(one.results);
    else {
      this.#breaker.compareWith(one.baselineMs);
      this.#oracle.compareWith(one.baselineMs);
    }
    return undefined;
  }

  #callOneByOne(results: readonly CallResult[]): string | undefined {
    for (const one of results) {
      const count = this.#calls.length;
      const difference = this.#admit();
      if (difference !== undefined) return difference;
      if (this.#calls.length > count) this.#end(count, one);
    }
    return undefined;
  }

  #admit(): string | undefined {
    const admission = this.#breaker.admit(this.#now);
    const call = this.#oracle.admit(this.#now);
    const kind = 'retryAt' in call ? 'refuse' : call.isProbe ? 'probe' : 'admit';
    if (admission.kind !== kind) return `the breaker says ${admission.kind}, the oracle ${kind}`;
    if (admission.kind !== 'refuse' && !('retryAt' in call)) this.#calls.push({ admitted: admission, call });
    if (admission.kind !== 'refuse' || !('retryAt' in call) || admission.retryAt === call.retryAt) return undefined;
    return `the breaker says retry at ${admission.retryAt}, the oracle at ${call.retryAt}`;
  }

  #end(pick: number, one: CallResult): void {
    const [ended] = this.#calls.splice(pick, 1);
    if (ended === undefined) return;
    this.#breaker.record(ended.admitted, one, this.#now);
    this.#oracle.record(ended.call, one, this.#now);
    if (ended.call.isProbe) this.#probe = ended;
  }

  #endAgain(one: CallResult): void {
    if (this.#probe === undefined) return;
    this.#breaker.record(this.#probe.admitted, one, this.#now);
    this.#oracle.record(this.#probe.call, one, this.#now);
  }

  #compare(): string | undefined {
    const [facts, expected] = [this.#breaker.facts(this.#now), this.#oracle.facts(this.#now)];
    const keys = Object.keys(expected) as (keyof typeof expected)[];
    const different = keys.filter((key) => facts[key] !== expected[key]);
    if (different.length === 0) return undefined;
    return different.map((key) => `${key} is ${facts[key]}, by the oracle ${expected[key]}`).join(', ');
  }
}
