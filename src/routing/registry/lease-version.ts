import { EspalierError } from '../../core/index.ts';
import type { HostWeights } from './adapter-arena.ts';
import type { AdapterLease } from './adapter-version.ts';
import type { AdapterMove } from './alias.ts';

/** The part of a registry that knows the versions of a name. */
interface Versions<Weights extends HostWeights> {
  lease(name: string): Promise<AdapterLease<Weights>>;
  info(name: string): { readonly history: readonly AdapterMove[] };
  readonly held: {
    digests(name: string): readonly string[];
    hold(name: string, digest: string): Promise<void>;
    acquire(name: string, digest: string): AdapterLease<Weights>;
    release(name: string, digest: string): void;
  };
}

/**
 * Leases a version of a name by the beginning of its digest: the one to which the name points, one to which it pointed, or the candidate
 * of its roll-out. One that is kept no longer is read again.
 * @throws EspalierError ADAPTER_NOT_FOUND, ADAPTER_DRAINING, ADAPTER_VERSION_UNKNOWN, ADAPTER_VERSION_AMBIGUOUS, and the errors of reading
 */
export async function leaseVersion<Weights extends HostWeights>(
  registry: Versions<Weights>,
  name: string,
  beginning: string,
): Promise<AdapterLease<Weights>> {
  using own = await registry.lease(name);
  const { held } = registry;
  const earlier = registry.info(name).history.map(({ version }) => version);
  const digest = onlyOne(name, beginning, [own.version.digest, ...earlier, ...held.digests(name)]);
  if (digest === own.version.digest) return own.share();
  await held.hold(name, digest);
  try {
    return held.acquire(name, digest);
  } finally {
    held.release(name, digest);
  }
}

function onlyOne(name: string, beginning: string, known: readonly string[]): string {
  const [digest, ...others] = new Set(known.filter((each) => each.startsWith(beginning)));
  if (digest === undefined) throw new EspalierError('ADAPTER_VERSION_UNKNOWN', { what: name, version: beginning });
  if (others.length > 0) throw new EspalierError('ADAPTER_VERSION_AMBIGUOUS', { name, version: beginning });
  return digest;
}
