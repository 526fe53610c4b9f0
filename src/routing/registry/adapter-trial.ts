import type { HostWeights } from './adapter-arena.ts';
import type { AdapterSource } from './adapter-source.ts';
import type { AdapterLease } from './adapter-version.ts';
import { LeaseCount } from './lease-count.ts';
import type { VersionTable } from './version-table.ts';

/** A version that is tried before it has a name. `dispose` is idempotent. */
export interface AdapterTrial<Weights extends HostWeights = HostWeights> extends Disposable {
  readonly lease: AdapterLease<Weights>;
}

/** Brings a version and keeps it until the trial is disposed. @throws EspalierError the errors of `bring` */
export async function beginTrial<Weights extends HostWeights>(
  table: VersionTable<Weights>,
  name: string,
  source: AdapterSource,
): Promise<AdapterTrial<Weights>> {
  const served = await table.bring(source, { name, isUrgent: true });
  const lease = table.lease(name, served, new LeaseCount());
  let isOpen = true;
  const dispose = (): void => {
    if (!isOpen) return;
    isOpen = false;
    served.version.removeSource(source);
    lease.dispose();
    table.drop(served.version);
  };
  return { lease, [Symbol.dispose]: dispose };
}
