import type { PreparedAdapter } from '../../engine/index.ts';
import { EspalierError, systemTimers, type Timers } from '../../core/index.ts';
import {
  type AdapterLease,
  type CallOutcome,
  type Comparison,
  type MirroredCall,
  RequestComparison,
  outcomeOfRun,
  rolloutOutcomeOf,
  topDivergence,
  type TopTokens,
} from '../../routing/index.ts';
import type { GenerationEngine, ReportedToken } from '../engine-port.ts';

export interface ShadowOptions {
  readonly engine: Pick<GenerationEngine, 'generate'>;
  /** Leases a version that is kept for a name. */
  readonly acquire: (alias: string, version: string) => AdapterLease<PreparedAdapter>;
  /** Requests that are mirrored at once. Default: 2. */
  readonly limit?: number | undefined;
  /** A run that has not ended after so long has failed. Default: a minute. */
  readonly timeoutMs?: number | undefined;
  /** Likeliest tokens that are compared at each position. Default: 20. */
  readonly top?: number | undefined;
  /** Decides for each request which version runs first. Default: a fair coin. */
  readonly isStableFirst?: (() => boolean) | undefined;
  readonly timers?: Timers | undefined;
}

/** An answer that the stable version has given, and the version that is to be compared with it. */
export interface Mirrored {
  readonly alias: string;
  readonly candidate: string;
  readonly stable: AdapterLease<PreparedAdapter>;
  readonly prompt: readonly number[];
  readonly answer: readonly number[];
  /** Hears once how it went. Not called for a request that was dropped. */
  readonly record: (call: MirroredCall) => void;
}

/** Requests that were mirrored, those for which there was no time, and those that cannot be mirrored. */
export interface ShadowCounts {
  readonly run: number;
  readonly dropped: number;
  readonly skipped: number;
}

/** How a version has scored an answer. */
type Scored =
  | { readonly kind: 'done'; readonly tops: readonly (TopTokens | undefined)[]; readonly ms: number | undefined }
  | { readonly kind: 'failed'; readonly outcome: Exclude<CallOutcome, 'success'>; readonly isLate: boolean };

const tossed = (): boolean => Math.random() < 0.5;

/**
 * Runs copies of requests on the candidate of a roll-out, unseen by users. After the stable version has answered, both versions give the
 * probabilities of the likeliest tokens at each place of that answer, after the same prefixes. The runs are of the class that takes only
 * slots that no user wants. Only a few requests are mirrored at once; others are dropped, and counted.
 */
export class ShadowRuns implements AsyncDisposable {
  readonly #options: ShadowOptions;
  readonly #ending = new AbortController();
  readonly #running = new Set<Promise<void>>();
  readonly #counts = { run: 0, dropped: 0, skipped: 0 };

  constructor(options: ShadowOptions) {
    this.#options = options;
  }

  get counts(): ShadowCounts {
    return { ...this.#counts };
  }

  /** Counts a request that cannot be mirrored. */
  skip(): void {
    this.#counts.skipped++;
  }

  /** Begins to mirror a request, unless there is no time for it. Never throws. */
  offer(mirrored: Mirrored): void {
    if (mirrored.answer.length === 0) return this.skip();
    const { limit = 2 } = this.#options;
    if (this.#running.size >= limit || this.#ending.signal.aborted) {
      this.#counts.dropped++;
      return undefined;
    }
    const stable = mirrored.stable.share();
    const running = this.#mirror({ ...mirrored, stable }).finally(() => {
      stable.dispose();
      this.#running.delete(running);
    });
    this.#running.add(running);
    return undefined;
  }

  async #mirror(mirrored: Mirrored): Promise<void> {
    // WHY by chance: the first run takes longer. Turns of two requests that are mirrored at once fall into step, and then one version is
    // always first.
    const { isStableFirst = tossed } = this.#options;
    const isFirst = isStableFirst();
    const first = await this.#score(mirrored, isFirst ? 'stable' : 'candidate');
    if (isCancelled(first)) {
      this.#counts.dropped++;
      return;
    }
    const second = await this.#score(mirrored, isFirst ? 'candidate' : 'stable');
    const [stable, candidate] = isFirst ? [first, second] : [second, first];
    // WHY: a machine that is too busy for either says nothing against one of them.
    const isStarved = stable.kind === 'failed' && stable.isLate && candidate.kind === 'failed';
    if (isStarved || isCancelled(second)) {
      this.#counts.dropped++;
      return;
    }
    this.#counts.run++;
    mirrored.record(callOf({ stable, candidate, first: isFirst ? 'stable' : 'candidate' }));
  }

  async #score({ alias, candidate, stable, prompt, answer }: Mirrored, side: 'stable' | 'candidate'): Promise<Scored> {
    const { engine, acquire, timeoutMs = 60_000, top = 20, timers = systemTimers } = this.#options;
    const controller = new AbortController();
    const cancelTimer = timers.after(timeoutMs, () => {
      const details = { name: alias, version: side === 'stable' ? stable.version.digest : candidate };
      controller.abort(new EspalierError('ADAPTER_SILENT', { ...details, seconds: Math.round(timeoutMs / 1000) }));
    });
    let outcomeOf = rolloutOutcomeOf;
    try {
      // A version that is compared with itself is not kept for the name beside it.
      const isStable = side === 'stable' || candidate === stable.version.digest;
      using lease = isStable ? stable.share() : acquire(alias, candidate);
      const stream = engine.generate({
        tokens: [...prompt, ...answer],
        adapters: [{ lease }],
        maxTokens: 0,
        temperature: 0,
        stopTokenIds: new Set(),
        logprobs: { top, prompt: true },
        class: 'background',
        key: 'shadow',
        signal: AbortSignal.any([controller.signal, this.#ending.signal]),
      });
      outcomeOf = outcomeOfRun;
      for await (const _ of stream);
      const { times, promptTokens = [] } = stream;
      const isTimed = times?.finished !== undefined && times.admitted !== undefined;
      return {
        kind: 'done',
        tops: promptTokens.slice(prompt.length).map(({ topLogprobs }: ReportedToken) => topLogprobs),
        ms: isTimed ? (times.finished ?? 0) - (times.admitted ?? 0) : undefined,
      };
    } catch (error) {
      const outcome = outcomeOf(error, this.#ending.signal.aborted);
      return { kind: 'failed', outcome, isLate: controller.signal.aborted };
    } finally {
      cancelTimer();
    }
  }

  /** Ends what runs, and takes nothing more. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#ending.abort(new EspalierError('ENGINE_CLOSED', {}));
    await Promise.all(this.#running);
  }
}

function isCancelled(scored: Scored): boolean {
  return scored.kind === 'failed' && scored.outcome === 'cancelled';
}

interface Pair {
  readonly stable: Scored;
  readonly candidate: Scored;
  readonly first: 'stable' | 'candidate';
}

function callOf({ stable, candidate, first }: Pair): MirroredCall {
  const hasStableFailed = stable.kind === 'failed';
  if (candidate.kind === 'failed') return { outcome: candidate.outcome, hasStableFailed };
  if (stable.kind === 'failed') return { outcome: 'success', hasStableFailed };
  const comparison = compare(stable.tops, candidate.tops);
  const isTimed = stable.ms !== undefined && candidate.ms !== undefined;
  const latencies = isTimed ? { stableMs: stable.ms, candidateMs: candidate.ms, first } : undefined;
  return { outcome: 'success', hasStableFailed, comparison, latencies };
}

function compare(
  stable: readonly (TopTokens | undefined)[],
  candidate: readonly (TopTokens | undefined)[],
): Comparison | undefined {
  const comparison = new RequestComparison();
  for (const [place, tokens] of stable.entries()) {
    const difference = topDivergence(tokens ?? [], candidate[place] ?? []);
    if (difference === undefined) return undefined;
    comparison.addDivergence(difference);
  }
  return comparison.result();
}
