import type { Clock } from '../../core/index.ts';
import { BreakerTable } from '../breaker/breaker-table.ts';
import type { Fallback } from '../breaker/fallback.ts';
import type { CallOutcome } from '../rollout/call-outcome.ts';
import type { Comparison } from '../rollout/request-comparison.ts';
import type { RolloutRecord } from '../rollout/rollout-record.ts';
import { RolloutRunner } from '../rollout/rollout-runner.ts';
import type { RoutedRequest } from '../rollout/routed-request.ts';

/** What a user saw of one request. */
export interface Seen {
  readonly version: string | undefined;
  readonly isFailed: boolean;
  readonly fallback: string | undefined;
}

/** The latency of every call that does not say otherwise. */
const usualMs = 10;

const same: Comparison = { positions: 4, divergence: 0, agreement: 1, stableEntropy: 1, candidateEntropy: 1 };

/** A registry of one name, a store that remembers, and versions that answer as they are told to. All of it by a clock that is set. */
export class FakeRolloutEngine implements Disposable {
  now = 0;
  version = 'old';
  previous: string | undefined = 'older';
  fallback: Fallback = 'previous';
  /** How calls of a version end; others succeed. */
  readonly outcomes = new Map<string, (call: number) => CallOutcome>();
  readonly saved = new Map<string, string>();
  readonly quarantined: string[] = [];
  /** Errors that the next moves of the name, quarantines and saves throw. */
  readonly faults: Error[] = [];
  breakers: BreakerTable;
  runner: RolloutRunner;
  /** Whether failed calls are tried again. */
  retries = true;
  hasStreamed = false;
  readonly #calls = new Map<string, number>();
  readonly #clock: Clock = { now: () => this.now };

  constructor() {
    this.breakers = new BreakerTable();
    this.runner = this.#createRunner();
  }

  /** Ends the process and starts another one, with what was saved. */
  restart(): void {
    this[Symbol.dispose]();
    this.now += 1_000_000;
    this.breakers = new BreakerTable();
    this.runner = this.#createRunner();
    for (const text of this.saved.values()) this.runner.restore(JSON.parse(text));
  }

  [Symbol.dispose](): void {
    this.runner[Symbol.dispose]();
    this.breakers[Symbol.dispose]();
  }

  /** So many requests, one each 10 ms. */
  async serve(count: number, key?: (request: number) => string): Promise<readonly Seen[]> {
    const seen: Seen[] = [];
    for (let i = 0; i < count; i++) {
      this.now += 10;
      seen.push(this.#serveOne(key?.(i)));
      if (i % 50 === 0) this.runner.tick();
      // What the end of a roll-out asks for is done between requests.
      await Promise.resolve();
    }
    await this.settled();
    return seen;
  }

  /** Lets all that was begun end; nothing here waits for anything but promises. */
  async settled(): Promise<void> {
    for (let i = 0; i < 20; i++) await Promise.resolve();
  }

  #serveOne(key: string | undefined): Seen {
    const { version, previous, fallback } = this;
    const first = this.runner.choose({ alias: 'a', version, previous, fallback }, key);
    let routed = first;
    let outcome = this.#call(routed);
    const retry = outcome !== 'success' && this.retries ? routed.retry(this.hasStreamed) : undefined;
    if (retry !== undefined) {
      routed = retry;
      outcome = this.#call(retry);
    }
    if (first.mirror !== undefined) this.#mirror(first, first.mirror);
    const { answer } = routed;
    return {
      version: answer.kind === 'version' ? answer.version : undefined,
      isFailed: outcome !== 'success',
      fallback: answer.kind === 'none' ? undefined : answer.fallback?.reason,
    };
  }

  #call(routed: RoutedRequest): CallOutcome {
    if (routed.answer.kind === 'none') return 'failure';
    const outcome = routed.answer.kind === 'base' ? 'success' : this.#outcomeOf(routed.answer.version);
    routed.end(outcome === 'success' ? { outcome, latencyMs: usualMs } : { outcome });
    return outcome;
  }

  #mirror(routed: RoutedRequest, version: string): void {
    const outcome = this.#outcomeOf(version);
    const comparison = outcome === 'success' ? same : undefined;
    routed.recordMirrored({ outcome, hasStableFailed: false, comparison });
  }

  #outcomeOf(version: string): CallOutcome {
    const call = this.#calls.get(version) ?? 0;
    this.#calls.set(version, call + 1);
    return this.outcomes.get(version)?.(call) ?? 'success';
  }

  #createRunner(): RolloutRunner {
    return new RolloutRunner({
      breakers: this.breakers,
      clock: this.#clock,
      save: async (alias, record: RolloutRecord) => {
        this.#throwFault();
        this.saved.set(alias, JSON.stringify(record));
      },
      promote: async ({ stable, candidate }) => {
        this.#throwFault();
        if (this.version === stable) [this.version, this.previous] = [candidate, stable];
      },
      quarantine: async ({ candidate }, reason) => {
        this.#throwFault();
        this.quarantined.push(`${candidate}: ${reason}`);
      },
    });
  }

  #throwFault(): void {
    const fault = this.faults.shift();
    if (fault !== undefined) throw fault;
  }
}
