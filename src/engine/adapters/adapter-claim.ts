import type { AdapterLease } from '../../control/index.ts';
import type { AppliedAdapter } from './adapter-window.ts';
import type { Tenant } from './arena-plan.ts';
import type { PreparedAdapter } from './prepared-adapter.ts';
import { noneApplied, type NamedAdapter, type RequestedAdapter, type SequenceAdapters } from './sequence-adapters.ts';

/** What an arena does for a claim. */
export interface ClaimKeeper {
  activate(claim: AdapterClaim): Promise<void>;
  release(claim: AdapterClaim): void;
}

/** One sequence's claim on the adapters that it runs with. */
export class AdapterClaim implements SequenceAdapters {
  readonly named: readonly NamedAdapter[];
  /** One for each version, however often the request names it. */
  readonly leases: ReadonlyMap<string, AdapterLease<PreparedAdapter>>;
  /** In the arena, from the time they have rows. */
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

  /** Notes where the weights lie now. Not during a run of the sequence. */
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
