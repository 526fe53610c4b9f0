import { EspalierError, nearest } from '../core/index.ts';
import type { HostWeights } from './registry/adapter-arena.ts';
import type { AdapterLease } from './registry/adapter-version.ts';
import { firstNames } from './registry/first-names.ts';
import { leaseAll } from './mixture.ts';
import type { RoutedNames } from './routed-names.ts';
import { type MixedAdapter, type ModelReference, parseModel } from './model-reference.ts';
import type { FallbackTaken } from './breaker/fallback.ts';
import type { RolloutPart, RoutedRequest } from './rollout/routed-request.ts';
import type { ChosenVersion, VersionChoice } from './version-choice.ts';

/** A request's model, and the facts that decide who answers it. */
export interface Asked {
  /** The request's `model`. */
  readonly model: string;
  /** Name of the base. */
  readonly base: string;
  readonly isRegistered: boolean;
}

/** The result of `decide`. */
export type Decision =
  | { readonly kind: 'base' }
  | { readonly kind: 'adapter'; readonly alias: string }
  | { readonly kind: 'unknown' };

/**
 * Decides who answers a request. Pure function. The base never answers in place of an adapter that is not registered. Code that chooses
 * between versions (a breaker, a shadow, a roll-out) belongs here, because it sees the request before anything is leased.
 */
export function decide({ model, base, isRegistered }: Asked): Decision {
  if (model === base) return { kind: 'base' };
  return isRegistered ? { kind: 'adapter', alias: model } : { kind: 'unknown' };
}

/** The base or the adapter version that answers a request. It is kept until the route is disposed. */
export interface Route<Weights extends HostWeights = HostWeights> extends Disposable {
  /** The adapter's name; undefined for the base. */
  readonly alias: string | undefined;
  /** SHA-256 of the adapter's content; undefined for the base. */
  readonly version: string | undefined;
  /** Empty for the base. The leases end with the route. To keep one for longer, take a share of it. */
  readonly leases: readonly AdapterLease<Weights>[];
  /** The factors of the leased adapters, if the request gives them: several, or one that is not 1. */
  readonly scales?: readonly number[] | undefined;
  /** Set if another version answers than the one that should, or the base in its place. */
  readonly fallback?: FallbackTaken | undefined;
  /** The roll-out to which the answer belongs, and which of its versions answers. */
  readonly rollout?: RolloutPart | undefined;
  /** What is to be told how the call ended. Absent where nothing judges the versions. */
  readonly call?: RoutedRequest | undefined;
  /**
   * The route to who answers after the call has failed, and its end was told.
   * @param hasStreamed  whether the client has received a byte of the answer
   * @returns undefined if the request fails
   */
  fallBack?(hasStreamed: boolean): Promise<Route<Weights> | undefined>;
}

export interface RouterOptions<Weights extends HostWeights> {
  /** Name under which the base is served. */
  readonly baseName: string;
  /** undefined if the base is served without adapters. */
  readonly registry: RoutedNames<Weights> | undefined;
  /** Chooses among the versions of a name. Default: the one to which it points answers. */
  readonly versions?: Pick<VersionChoice<Weights>, 'choose' | 'fallBack'> | undefined;
}

/** Resolves the name of a model to leases. The time does not grow with the number of adapters. */
export class Router<Weights extends HostWeights = HostWeights> {
  readonly #options: RouterOptions<Weights>;

  constructor(options: RouterOptions<Weights>) {
    this.#options = options;
  }

  /**
   * Waits only for an adapter that was announced and has not been read yet, and for a version to which is fallen back.
   * @param key  what belongs together in a roll-out, such as a user or a conversation
   * @throws EspalierError MODEL_NOT_FOUND, BREAKER_OPEN, or the error because of which the adapter cannot be served
   */
  async resolve(model: string, key?: string): Promise<Route<Weights>> {
    const { registry, versions } = this.#options;
    const { name, version } = this.#parse(model);
    const decision = this.#decide(name, version);
    if (decision.kind === 'unknown' || (decision.kind === 'adapter' && registry === undefined)) {
      throw this.#unknown(model);
    }
    // WHY without a choice: a request for one version is answered by that version or not at all.
    if (version !== undefined) return routeTo(await registry?.leaseVersion(name, version));
    if (decision.kind === 'adapter' && versions !== undefined) {
      return routeOf(versions, decision.alias, await versions.choose(decision.alias, key));
    }
    const lease = decision.kind === 'adapter' ? await registry?.lease(decision.alias) : undefined;
    return routeTo(lease);
  }

  /**
   * Leases several adapters whose updates are added up, each times its scale, in one turn. Neither breakers nor roll-outs choose their
   * versions or learn of the answer: it is that of no one version.
   * @throws EspalierError MODEL_NOT_FOUND, or the error because of which one of them cannot be served. Nothing is leased then.
   */
  async resolveMixture(adapters: readonly MixedAdapter[]): Promise<Route<Weights>> {
    const { registry } = this.#options;
    const parts = adapters.map(({ model }) => this.#parse(model));
    for (const [at, { name, version }] of parts.entries()) {
      if (this.#decide(name, version).kind !== 'adapter') throw this.#unknown(adapters[at]?.model ?? name);
    }
    const leases = registry === undefined ? [] : await leaseAll(registry, parts);
    return mixedRoute(
      leases,
      adapters.map(({ scale }) => scale),
    );
  }

  /** @throws EspalierError MODEL_NOT_FOUND */
  assertKnown(model: string): void {
    const { name, version } = this.#parse(model);
    if (this.#decide(name, version).kind === 'unknown') throw this.#unknown(model);
  }

  #parse(model: string): ModelReference {
    return parseModel(model, this.#options.baseName);
  }

  /** The base has no versions by which it could be named. */
  #decide(model: string, version: string | undefined): Decision {
    const { baseName: base, registry } = this.#options;
    const decision = decide({ model, base, isRegistered: registry?.has(model) === true });
    return decision.kind === 'base' && version !== undefined ? { kind: 'unknown' } : decision;
  }

  #unknown(model: string): EspalierError {
    const { baseName, registry } = this.#options;
    const listed = registry?.list() ?? [];
    const likely = nearest(model, firstNames(namesFirst(baseName, listed)));
    const hint = likely === undefined ? '' : ` (did you mean ${likely}?)`;
    return new EspalierError('MODEL_NOT_FOUND', { model, hint });
  }
}

function* namesFirst(first: string, listed: readonly { readonly name: string }[]): Iterable<string> {
  yield first;
  for (const { name } of listed) yield name;
}

function routeTo<Weights extends HostWeights>(lease: AdapterLease<Weights> | undefined): Route<Weights> {
  return {
    alias: lease?.alias,
    version: lease?.version.digest,
    leases: lease === undefined ? [] : [lease],
    [Symbol.dispose]: () => lease?.dispose(),
  };
}

/** A mixture has the names and the versions of all its adapters. */
function mixedRoute<Weights extends HostWeights>(
  leases: readonly AdapterLease<Weights>[],
  scales: readonly number[],
): Route<Weights> {
  const each = (of: (lease: AdapterLease<Weights>) => string): string =>
    leases.map((lease, at) => `${of(lease)}=${scales[at] ?? 1}`).join(', ');
  return {
    alias: each(({ alias }) => alias),
    version: each(({ version }) => version.digest),
    leases,
    scales,
    [Symbol.dispose]() {
      for (const lease of leases) lease.dispose();
    },
  };
}

function routeOf<Weights extends HostWeights>(
  versions: Pick<VersionChoice<Weights>, 'fallBack'>,
  alias: string,
  version: ChosenVersion<Weights>,
): Route<Weights> {
  const { lease, call, fallback, rollout } = version;
  return {
    alias,
    version: lease?.version.digest,
    leases: lease === undefined ? [] : [lease],
    fallback,
    rollout,
    call,
    async fallBack(hasStreamed) {
      const next = await versions.fallBack(alias, version, hasStreamed);
      return next && routeOf(versions, alias, next);
    },
    [Symbol.dispose]: () => version[Symbol.dispose](),
  };
}
