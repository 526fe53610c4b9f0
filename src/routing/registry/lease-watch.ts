import { type Clock, publishAdapterEvent, systemClock } from '../../core/index.ts';
import type { VersionRecord } from './adapter-version.ts';
import type { LeaseCount, OpenLease } from './lease-count.ts';

export interface LeaseWatchOptions {
  /** Milliseconds after which a lease on a version that takes no new requests is overdue. Default: 10 minutes. */
  readonly leaseLimitMs?: number | undefined;
  readonly clock?: Clock | undefined;
}

export const defaultLeaseLimitMs = 600_000;

/** WHY longer where new requests come too: a long answer on a slow machine is no fault, and it keeps nothing from ending. */
const servedFactor = 6;

/**
 * Knows when each lease began, and tells of those that should have been returned (`lease`, once each): a lease on a version without a
 * name, or of a drained name or version, that is still there after the limit; one that is six times as old on a version that serves; and
 * one that is returned twice. It has no timer: `look` is called from outside, about once a second.
 */
export class LeaseWatch {
  readonly #clock: Clock;
  readonly #limitMs: number;
  /** When it was first seen that a version, or a name, takes no new requests. */
  readonly #retiredSince = new Map<VersionRecord, number>();
  readonly #drainedSince = new Map<string, number>();

  constructor({ leaseLimitMs = defaultLeaseLimitMs, clock = systemClock }: LeaseWatchOptions) {
    this.#clock = clock;
    this.#limitMs = leaseLimitMs;
  }

  /**
   * Begins a lease.
   * @param use  counts the requests that come under the alias
   * @returns returns the lease, once
   */
  begin(alias: string, version: VersionRecord, use: LeaseCount): () => void {
    const lease: OpenLease = { alias, since: this.#clock.now(), isOverdue: false };
    version.openLeases.add(lease);
    version.use.begin();
    use.begin();
    return () => {
      // WHY not counted: other leases would be counted as returned, and their weights freed while they are read.
      if (!version.openLeases.delete(lease)) return this.#tell(version, 'a lease was returned twice', [lease]);
      version.use.end();
      use.end();
      if (lease.isOverdue) this.#tell(version, 'an overdue lease was returned', [lease], true);
    };
  }

  /** Tells of the leases that have become overdue. @param isDraining  whether a name takes no new requests */
  look(versions: Iterable<VersionRecord>, isDraining: (alias: string) => boolean): void {
    const now = this.#clock.now();
    const leased = [...versions].filter(({ openLeases }) => openLeases.size > 0);
    note(this.#retiredSince, leased.filter(takesNone), now);
    const aliases = leased.flatMap(({ openLeases }) => [...openLeases].map(({ alias }) => alias));
    note(this.#drainedSince, new Set(aliases.filter(isDraining)), now);
    for (const version of leased) this.#lookAt(version, now);
  }

  #lookAt(version: VersionRecord, now: number): void {
    const hasPassed = (since: number | undefined, factor = 1): boolean =>
      since !== undefined && now - since >= this.#limitMs * factor;
    const isRetired = hasPassed(this.#retiredSince.get(version));
    const overdue = { retired: [] as OpenLease[], drained: [] as OpenLease[], served: [] as OpenLease[] };
    for (const lease of version.openLeases) {
      if (lease.isOverdue) continue;
      if (isRetired) overdue.retired.push(lease);
      else if (hasPassed(this.#drainedSince.get(lease.alias))) overdue.drained.push(lease);
      else if (hasPassed(lease.since, servedFactor)) overdue.served.push(lease);
    }
    this.#tellOverdue(version, 'the version takes no new requests and is still in use', overdue.retired);
    this.#tellOverdue(version, 'the name is drained and is still in use', overdue.drained);
    this.#tellOverdue(version, 'a request has used the version for very long', overdue.served);
  }

  /** One event for each name under which the leases were taken. */
  #tellOverdue(version: VersionRecord, reason: string, leases: readonly OpenLease[]): void {
    for (const alias of new Set(leases.map((lease) => lease.alias))) {
      const own = leases.filter((lease) => lease.alias === alias);
      for (const lease of own) lease.isOverdue = true;
      this.#tell(version, reason, own);
    }
  }

  #tell({ digest }: VersionRecord, reason: string, leases: readonly OpenLease[], isOver = false): void {
    const oldest = Math.min(...leases.map(({ since }) => since));
    const details = { leases: leases.length, oldestMs: Math.round(this.#clock.now() - oldest) };
    const result = isOver ? 'done' : 'failed';
    publishAdapterEvent({ event: 'lease', name: leases[0]?.alias ?? '', version: digest, result, reason, details });
  }
}

/** Whether new requests cannot lease the version. */
function takesNone({ holds, isDraining }: VersionRecord): boolean {
  return holds === 0 || isDraining;
}

/** Remembers since when each of these is so, and forgets the others. */
function note<Key>(since: Map<Key, number>, present: Iterable<Key>, now: number): void {
  const all = new Set(present);
  for (const key of since.keys()) if (!all.has(key)) since.delete(key);
  for (const key of all) if (!since.has(key)) since.set(key, now);
}
