import { EspalierError, nearest } from '../core/index.ts';
import type { HostWeights } from './registry/adapter-arena.ts';
import type { AdapterRegistry } from './registry/adapter-registry.ts';
import type { AdapterLease } from './registry/adapter-version.ts';
import { firstNames } from './registry/first-names.ts';

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
}

/** The part of a registry that a router needs. */
export interface RoutedNames<Weights extends HostWeights> extends Pick<AdapterRegistry<Weights>, 'has' | 'lease'> {
  list(): readonly { readonly name: string }[];
}

export interface RouterOptions<Weights extends HostWeights> {
  /** Name under which the base is served. */
  readonly baseName: string;
  /** undefined if the base is served without adapters. */
  readonly registry: RoutedNames<Weights> | undefined;
}

/** Resolves the name of a model to leases. The time does not grow with the number of adapters. */
export class Router<Weights extends HostWeights = HostWeights> {
  readonly #options: RouterOptions<Weights>;

  constructor(options: RouterOptions<Weights>) {
    this.#options = options;
  }

  /**
   * Waits only for an adapter that was announced and has not been read yet.
   * @throws EspalierError MODEL_NOT_FOUND, or the error because of which the adapter cannot be served
   */
  async resolve(model: string): Promise<Route<Weights>> {
    const { baseName: base, registry } = this.#options;
    const decision = decide({ model, base, isRegistered: registry?.has(model) === true });
    if (decision.kind === 'unknown' || (decision.kind === 'adapter' && registry === undefined)) {
      throw this.#unknown(model);
    }
    const lease = decision.kind === 'adapter' ? await registry?.lease(decision.alias) : undefined;
    return routeTo(lease);
  }

  /** @throws EspalierError MODEL_NOT_FOUND */
  assertKnown(model: string): void {
    const { baseName: base, registry } = this.#options;
    const asked = { model, base, isRegistered: registry?.has(model) === true };
    if (decide(asked).kind === 'unknown') throw this.#unknown(model);
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
