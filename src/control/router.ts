import { EspalierError, nearest } from '../core/index.ts';
import type { HostWeights } from './registry/adapter-arena.ts';
import type { AdapterRegistry } from './registry/adapter-registry.ts';
import type { AdapterLease } from './registry/adapter-version.ts';
import { namesOf } from './registry/names-of.ts';

/** What is asked for, and what is known of it. */
export interface Asked {
  /** The request's `model`. */
  readonly model: string;
  /** Name of the base. */
  readonly base: string;
  readonly isRegistered: boolean;
}

/** Who answers. */
export type Decision =
  { readonly kind: 'base' } | { readonly kind: 'adapter'; readonly alias: string } | { readonly kind: 'unknown' };

/**
 * Decides who answers a request, from what is known alone. The base never answers in the place of an adapter that is not there.
 * What chooses between versions (a breaker, a shadow, a roll-out) belongs here: it sees the request before anything is leased.
 */
export function decide({ model, base, isRegistered }: Asked): Decision {
  if (model === base) return { kind: 'base' };
  return isRegistered ? { kind: 'adapter', alias: model } : { kind: 'unknown' };
}

/** Who answers a request, held until the route is disposed. */
export interface Route<Weights extends HostWeights = HostWeights> extends Disposable {
  /** The adapter's name; undefined for the base. */
  readonly alias: string | undefined;
  /** SHA-256 of the adapter's content; undefined for the base. */
  readonly version: string | undefined;
  /** Empty for the base. They end with the route: whoever needs them for longer takes a share. */
  readonly leases: readonly AdapterLease<Weights>[];
}

export interface RouterOptions<Weights extends HostWeights> {
  /** Name under which the base is served. */
  readonly baseName: string;
  /** undefined where the base is served without adapters. */
  readonly registry: Pick<AdapterRegistry<Weights>, 'has' | 'lease' | 'list'> | undefined;
}

/** Turns the name of a model into leases, in a time that does not grow with the number of adapters. */
export class Router<Weights extends HostWeights = HostWeights> {
  readonly #options: RouterOptions<Weights>;

  constructor(options: RouterOptions<Weights>) {
    this.#options = options;
  }

  /**
   * Waits only for an adapter that was announced and has not been read yet.
   * @throws EspalierError MODEL_NOT_FOUND; why the adapter cannot be served
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
    const { known, near } = namesOf(namesFirst(baseName, listed), 1 + listed.length);
    const likely = nearest(model, near);
    const hint = likely === undefined ? '' : ` (did you mean ${likely}?)`;
    return new EspalierError('MODEL_NOT_FOUND', { model, hint, known });
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
