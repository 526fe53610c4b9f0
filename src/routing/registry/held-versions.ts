import { EspalierError } from '../../core/index.ts';
import type { HostWeights } from './adapter-arena.ts';
import type { AdapterLease, Served, VersionRecord } from './adapter-version.ts';
import { rollbackTarget } from './alias-history.ts';
import type { AliasTable } from './alias-table.ts';
import type { AdoptedVersion } from './known-version.ts';
import type { VersionTable } from './version-table.ts';

/** Rejects if a version may not be used under a name. */
export type Admit = (name: string, digest: string) => Promise<void>;

interface Held {
  readonly served: Served<VersionRecord>;
  owners: number;
}

/**
 * Versions that are kept for a name to which they do not belong now: the candidate of its roll-out, and the version to which it falls
 * back. Requests can lease them under the name. Their weights are kept like those of any other version: while the budget allows.
 */
export class HeldVersions<Weights extends HostWeights = HostWeights> {
  readonly #aliases: AliasTable;
  readonly #table: VersionTable<Weights>;
  readonly #admit: Admit;
  readonly #held = new Map<string, Map<string, Held>>();
  /** Those that are being read, so that each is read once. */
  readonly #arriving = new Map<string, Promise<void>>();
  /** The version that was last fallen back to, by name. */
  readonly #fallbacks = new Map<string, string>();

  /** @param admit  rejects if a version may not be used under a name any more. Default: every version may */
  constructor(aliases: AliasTable, table: VersionTable<Weights>, admit: Admit = () => Promise.resolve()) {
    this.#aliases = aliases;
    this.#table = table;
    this.#admit = admit;
  }

  /**
   * Keeps a version for a name until `release` was called as often. It is one of the name's history or of another name, or is given with
   * its facts.
   * @throws EspalierError ADAPTER_NOT_FOUND, ADAPTER_VERSION_UNKNOWN, ADAPTER_SOURCE_CHANGED and the errors of `admit` and of reading. Nothing is kept then.
   */
  async hold(name: string, version: string | AdoptedVersion): Promise<void> {
    const digest = typeof version === 'string' ? version : version.digest;
    const key = JSON.stringify([name, digest]);
    await this.#admit(name, digest);
    while (!this.#add(name, digest)) {
      const arrival = this.#arriving.get(key);
      if (arrival !== undefined) {
        await arrival;
        continue;
      }
      const arriving = this.#arrive(name, digest, version).finally(() => this.#arriving.delete(key));
      this.#arriving.set(key, arriving);
      return arriving;
    }
  }

  async #arrive(name: string, digest: string, version: string | AdoptedVersion): Promise<void> {
    const served = await (typeof version === 'string' ? this.#recall(name, version) : this.#table.know(version));
    this.#heldBy(name).set(digest, { served, owners: 1 });
  }

  #recall(name: string, digest: string): Promise<Served<VersionRecord>> {
    const known = this.#table.get(digest) ?? rollbackTarget(this.#aliases.find(name).history, digest)?.version;
    if (known === undefined) throw new EspalierError('ADAPTER_VERSION_UNKNOWN', { what: name, version: digest });
    return this.#table.recall(name, known);
  }

  #add(name: string, digest: string): boolean {
    const held = this.#held.get(name)?.get(digest);
    if (held !== undefined) held.owners++;
    return held !== undefined;
  }

  #heldBy(name: string): Map<string, Held> {
    const held = this.#held.get(name) ?? new Map<string, Held>();
    this.#held.set(name, held);
    return held;
  }

  /** Ends one `hold`. Requests that have begun keep the version until their last token. */
  release(name: string, digest: string): void {
    const versions = this.#held.get(name);
    const held = versions?.get(digest);
    if (held === undefined || --held.owners > 0) return;
    versions?.delete(digest);
    if (versions?.size === 0) this.#held.delete(name);
    this.#table.drop(held.served.version);
  }

  /** Whether a version is kept for the name. */
  has(name: string, digest: string): boolean {
    return this.#held.get(name)?.has(digest) === true;
  }

  /** The versions that are kept for a name. */
  digests(name: string): readonly string[] {
    return [...(this.#held.get(name)?.keys() ?? [])];
  }

  /**
   * Leases a version that is kept for a name, synchronously.
   * @throws EspalierError ADAPTER_NOT_FOUND, ADAPTER_VERSION_UNKNOWN
   */
  acquire(name: string, digest: string): AdapterLease<Weights> {
    const { use } = this.#aliases.find(name);
    const held = this.#held.get(name)?.get(digest);
    if (held === undefined) throw new EspalierError('ADAPTER_VERSION_UNKNOWN', { what: name, version: digest });
    return this.#table.lease(name, held.served, use);
  }

  /**
   * Leases the version to which a name falls back. It is kept until the name moves or another one takes its place, so that it is read
   * again for the first request only.
   * @throws EspalierError the errors of `hold`
   */
  async leaseFallback(name: string, digest: string): Promise<AdapterLease<Weights>> {
    if (this.has(name, digest)) return this.acquire(name, digest);
    await this.hold(name, digest);
    this.endFallback(name);
    this.#fallbacks.set(name, digest);
    return this.acquire(name, digest);
  }

  /** Ends the keeping of the version to which a name fell back. */
  endFallback(name: string): void {
    const digest = this.#fallbacks.get(name);
    this.#fallbacks.delete(name);
    if (digest !== undefined) this.release(name, digest);
  }
}
