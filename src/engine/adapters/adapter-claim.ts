import type { AdapterLease } from '../../routing/index.ts';
import type { AppliedAdapter } from './adapter-window.ts';
import type { Tenant } from './arena-plan.ts';
import type { PreparedAdapter } from './prepared-adapter.ts';
import { noneApplied, type NamedAdapter, type RequestedAdapter, type SequenceAdapters } from './sequence-adapters.ts';

/** The operations of an arena that a claim needs. */
export interface ClaimKeeper {
  activate(claim: AdapterClaim): Promise<void>;
  release(claim: AdapterClaim): void;
}

/** The claim of one sequence on its adapters. */
export class AdapterClaim implements SequenceAdapters {
  readonly named: readonly NamedAdapter[];
  /** One lease for each version, even if the request names the version several times. */
  readonly leases: ReadonlyMap<string, AdapterLease<PreparedAdapter>>;
  /** The tenants in the arena. Empty until they have rows. */
  tenants: readonly Tenant[] = [];
  isReleased = false;
  #applied: readonly AppliedAdapter[] = noneApplied;
  #isActive = false;
  #activation: Promise<void> | undefined;
  readonly #keeper: ClaimKeeper;

  constructor(requested: readonly RequestedAdapter[], keeper: ClaimKeeper) {
    this.#keeper = keeper;
    this.named = requested.map(({ lease: { alias, version }, scale = 1 }) => {
      return { name: alias, version: version.digest, scale };
    });
    const leases = new Map<string, AdapterLease<PreparedAdapter>>();
    for (const { lease } of requested) {
      if (!leases.has(lease.version.digest)) leases.set(lease.version.digest, lease.share());
    }
    this.leases = leases;
  }

  get applied(): readonly AppliedAdapter[] {
    return this.#applied;
  }

  get isActive(): boolean {
    return this.#isActive;
  }

  activate(): Promise<void> {
    this.#activation ??= this.#keeper.activate(this);
    return this.#activation;
  }

  /** Updates the rows in which the weights are. Must not be called during a run of the sequence. */
  place(): void {
    this.#applied = this.named.flatMap(({ version, scale }) => {
      const tenant = this.tenants.find(({ digest }) => digest === version);
      return tenant === undefined ? [] : [{ rows: tenant.rows, scale }];
    });
    this.#isActive = true;
  }

  release(): void {
    if (this.isReleased) return;
    this.isReleased = true;
    this.#keeper.release(this);
    for (const lease of this.leases.values()) lease.dispose();
  }
}
