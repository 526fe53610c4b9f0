import { type Clock, EspalierError, systemClock } from '../core/index.ts';
import type { Fallback, FallbackTaken } from './breaker/fallback.ts';
import type { HostWeights } from './registry/adapter-arena.ts';
import type { AdapterRegistry } from './registry/adapter-registry.ts';
import type { AdapterLease } from './registry/adapter-version.ts';
import type { RolloutRunner } from './rollout/rollout-runner.ts';
import type { RolloutPart, RoutedRequest } from './rollout/routed-request.ts';

/** The part of a registry that a choice needs. */
export type ChosenNames<Weights extends HostWeights> = Pick<
  AdapterRegistry<Weights>,
  'acquire' | 'lease' | 'versionBefore' | 'held'
>;

export interface VersionChoiceOptions<Weights extends HostWeights> {
  readonly registry: ChosenNames<Weights>;
  readonly runner: Pick<RolloutRunner, 'choose'>;
  readonly fallbackOf: (alias: string) => Fallback;
  readonly clock?: Clock | undefined;
}

/** The version that answers a call, with its lease; without one, the base answers in the place of the version. */
export interface ChosenVersion<Weights extends HostWeights> extends Disposable {
  readonly call: RoutedRequest;
  readonly lease: AdapterLease<Weights> | undefined;
  /** What the answer says if another version answers than the one that should. */
  readonly fallback: FallbackTaken | undefined;
  readonly rollout: RolloutPart | undefined;
  /** The version of the name, while another one answers that may fail. */
  readonly spare: AdapterLease<Weights> | undefined;
}

/** How long a client is told to wait if nobody knows better. */
const usualWaitMs = 30_000;

/**
 * Chooses the version of a name that answers, by the breakers and the roll-outs, and leases it. The version to which the name points is
 * looked up, judged and leased in one turn.
 */
export class VersionChoice<Weights extends HostWeights = HostWeights> {
  readonly #options: VersionChoiceOptions<Weights>;
  readonly #clock: Clock;

  constructor(options: VersionChoiceOptions<Weights>) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  /**
   * @param key  what belongs together in a roll-out
   * @throws EspalierError BREAKER_OPEN, and the errors of the registry's `lease`
   */
  async choose(alias: string, key?: string): Promise<ChosenVersion<Weights>> {
    const { registry, runner, fallbackOf } = this.#options;
    for (;;) {
      const own = this.#acquire(alias);
      if (own === undefined) {
        (await registry.lease(alias)).dispose();
        continue;
      }
      const [version, previous] = [own.version.digest, registry.versionBefore(alias)];
      const call = runner.choose({ alias, version, previous, fallback: fallbackOf(alias) }, key);
      if (call.answer.kind === 'version' && call.answer.version === version) return chosen(call, own);
      return await this.#chooseOther(alias, call, own);
    }
  }

  /** @returns undefined if the adapter has not been read yet */
  #acquire(alias: string): AdapterLease<Weights> | undefined {
    try {
      return this.#options.registry.acquire(alias);
    } catch (error) {
      if (EspalierError.isInstance(error) && error.code === 'ADAPTER_BEING_READ') return undefined;
      throw error;
    }
  }

  /** Takes over the lease of the version to which the name points. */
  async #chooseOther(alias: string, call: RoutedRequest, own: AdapterLease<Weights>): Promise<ChosenVersion<Weights>> {
    const { answer } = call;
    try {
      if (answer.kind === 'none') throw this.#refusal(alias, answer.retryAt);
      if (answer.fallback === undefined && answer.kind === 'version') {
        return await this.#chooseCandidate(alias, answer.version, { call, own });
      }
      const lease = answer.kind === 'version' ? await this.#leaseFallback(alias, answer.version) : undefined;
      own.dispose();
      return chosen(call, lease);
    } catch (error) {
      own.dispose();
      // WHY: the place of a probe is given back.
      call[Symbol.dispose]();
      throw error;
    }
  }

  /** The candidate of a roll-out, or the stable version if the candidate cannot be leased. */
  async #chooseCandidate(
    alias: string,
    candidate: string,
    { call, own }: { readonly call: RoutedRequest; readonly own: AdapterLease<Weights> },
  ): Promise<ChosenVersion<Weights>> {
    try {
      return chosen(call, await this.#leaseFallback(alias, candidate), own);
    } catch (error) {
      call.end({ outcome: 'failure' });
      const next = call.retry(false);
      if (next?.answer.kind === 'version' && next.answer.version === own.version.digest) return chosen(next, own);
      throw error;
    }
  }

  async #leaseFallback(alias: string, digest: string): Promise<AdapterLease<Weights>> {
    try {
      return await this.#options.registry.held.leaseFallback(alias, digest);
    } catch (cause) {
      throw this.#refusal(alias, this.#clock.now() + usualWaitMs, cause);
    }
  }

  /**
   * Who answers after a call has failed. The failed choice must be disposed of afterwards.
   * @returns undefined if nobody does: the request fails
   */
  async fallBack(
    alias: string,
    { call, spare }: ChosenVersion<Weights>,
    hasStreamed: boolean,
  ): Promise<ChosenVersion<Weights> | undefined> {
    const next = call.retry(hasStreamed);
    if (next === undefined || next.answer.kind === 'none') return undefined;
    if (next.answer.kind === 'base') return chosen(next, undefined);
    const { version } = next.answer;
    if (version === spare?.version.digest) return chosen(next, spare.share());
    try {
      return chosen(next, await this.#leaseFallback(alias, version));
    } catch {
      // WHY no error: that of the call says more.
      next[Symbol.dispose]();
      return undefined;
    }
  }

  #refusal(name: string, retryAt: number, cause?: unknown): EspalierError {
    const retryAfterSeconds = Math.max(1, Math.ceil((retryAt - this.#clock.now()) / 1000));
    return new EspalierError('BREAKER_OPEN', { name, retryAfterSeconds }, cause === undefined ? {} : { cause });
  }
}

function chosen<Weights extends HostWeights>(
  call: RoutedRequest,
  lease: AdapterLease<Weights> | undefined,
  spare?: AdapterLease<Weights>,
): ChosenVersion<Weights> {
  const { answer, part: rollout } = call;
  return {
    call,
    lease,
    fallback: answer.kind === 'none' ? undefined : answer.fallback,
    rollout,
    spare,
    [Symbol.dispose]() {
      call[Symbol.dispose]();
      lease?.dispose();
      spare?.dispose();
    },
  };
}
