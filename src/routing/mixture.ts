import { EspalierError } from '../core/index.ts';
import type { HostWeights } from './registry/adapter-arena.ts';
import type { AdapterLease } from './registry/adapter-version.ts';
import type { RoutedNames } from './routed-names.ts';

/** An adapter of a mixture, by its name or by one of its versions. */
export interface MixturePart {
  readonly name: string;
  readonly version: string | undefined;
}

/**
 * Leases several adapters in one turn, so that a change of several names comes to a request as a whole or not at all. Adapters that were
 * only announced are read first; so are versions that are asked for by their digests.
 *
 * @throws EspalierError the errors of the registry. Nothing is leased then.
 */
export async function leaseAll<Weights extends HostWeights>(
  registry: RoutedNames<Weights>,
  parts: readonly MixturePart[],
): Promise<readonly AdapterLease<Weights>[]> {
  const versions = new Map<MixturePart, AdapterLease<Weights>>();
  const dispose = (leases: Iterable<AdapterLease<Weights>>): void => {
    for (const lease of leases) lease.dispose();
  };
  try {
    for (const part of parts) {
      if (part.version !== undefined) versions.set(part, await registry.leaseVersion(part.name, part.version));
    }
    for (;;) {
      const leased = acquireAll(registry, parts, versions);
      if (typeof leased !== 'string') return leased;
      (await registry.lease(leased)).dispose();
    }
  } catch (error) {
    dispose(versions.values());
    throw error;
  }
}

/** @returns the leases; or the name of an adapter that has not been read yet, and nothing is leased then */
function acquireAll<Weights extends HostWeights>(
  registry: RoutedNames<Weights>,
  parts: readonly MixturePart[],
  versions: ReadonlyMap<MixturePart, AdapterLease<Weights>>,
): readonly AdapterLease<Weights>[] | string {
  const acquired: AdapterLease<Weights>[] = [];
  const leases: AdapterLease<Weights>[] = [];
  for (const part of parts) {
    try {
      const lease = versions.get(part) ?? registry.acquire(part.name);
      if (part.version === undefined) acquired.push(lease);
      leases.push(lease);
    } catch (error) {
      for (const lease of acquired) lease.dispose();
      if (EspalierError.isInstance(error) && error.code === 'ADAPTER_BEING_READ') return part.name;
      throw error;
    }
  }
  return leases;
}
