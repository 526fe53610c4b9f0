import { onAdapterEvent, publishAdapterEvent } from '../../core/index.ts';
import { readBreakerOptions, type BreakerOptions } from './breaker-options.ts';
import { type Admitted, Breaker, type BreakerChange, type BreakerFacts, type CallResult } from './breaker.ts';

/**
 * The breakers of all versions that were called, each made at the first call and forgotten when the version retires. Publishes `breaker`
 * at each change of state.
 */
export class BreakerTable implements Disposable {
  readonly #options: BreakerOptions;
  readonly #breakers = new Map<string, Breaker>();
  readonly #retirements: Disposable;
  readonly #listeners = new Set<(version: string, change: BreakerChange) => void>();

  /** @throws EspalierError OPTION_UNKNOWN, OPTION_INVALID */
  constructor(options: BreakerOptions = {}) {
    readBreakerOptions(options);
    this.#options = options;
    this.#retirements = onAdapterEvent(({ event, version }) => {
      if (event === 'retire' && version !== undefined) this.#breakers.delete(version);
    });
  }

  of(version: string): Breaker {
    const known = this.#breakers.get(version);
    if (known !== undefined) return known;
    const breaker = new Breaker(this.#options, (change) => this.#tell(version, change));
    this.#breakers.set(version, breaker);
    return breaker;
  }

  /** Counts the result of a call, unless its version has retired meanwhile. */
  record(version: string, admitted: Admitted, result: CallResult, now: number): void {
    this.#breakers.get(version)?.record(admitted, result, now);
  }

  /** @param listener  called at each change of state of any version, until the result is disposed */
  onChange(listener: (version: string, change: BreakerChange) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  list(now: number): readonly (BreakerFacts & { readonly version: string })[] {
    return [...this.#breakers].map(([version, breaker]) => ({ version, ...breaker.facts(now) }));
  }

  /** Forgets no more versions; the last thing to be called. */
  [Symbol.dispose](): void {
    this.#retirements[Symbol.dispose]();
  }

  #tell(version: string, change: BreakerChange): void {
    const { from, to, reason, requests, failures } = change;
    publishAdapterEvent({
      event: 'breaker',
      version,
      actor: 'breaker',
      reason,
      details: { from, to, requests, failures },
    });
    for (const listener of this.#listeners) listener(version, change);
  }
}
