import { breathe, type Clock, EspalierError, publishAdapterEvent, systemClock } from '../../core/index.ts';
import type { Adapter } from '../../lora/index.ts';
import type { AdapterArena, HostWeights } from './adapter-arena.ts';
import type { AdapterSource, SourcedAdapter } from './adapter-source.ts';
import { type AdoptedVersion, differences, type KnownVersion } from './known-version.ts';
import { AdapterLease, type Served, VersionRecord } from './adapter-version.ts';
import { HostMemory, type WeightsHold } from './host-memory.ts';
import { Lanes } from './lanes.ts';
import type { LeaseCount } from './lease-count.ts';
import { LeaseWatch, type LeaseWatchOptions } from './lease-watch.ts';

/** Number of adapters that are read at once. Reading takes several times the adapter's size in memory. */
const readsAtOnce = 2;

/** How many weights are kept in host memory, and for how long. */
export interface ResidencyOptions extends LeaseWatchOptions {
  /** Bytes of all weights together. */
  readonly memory: number;
  /** Versions whose weights are kept. Default: any number. */
  readonly maxResident?: number | undefined;
  /** Milliseconds after its last use at which the weights of a version of a store are released. Default: never. */
  readonly idleMs?: number | undefined;
}

export interface VersionTableOptions<Weights extends HostWeights> extends ResidencyOptions {
  readonly arena: AdapterArena<Weights>;
}

export interface BringOptions {
  readonly name: string;
  /** False for reads in the background: they drop no other adapter from memory, and urgent reads go first. */
  readonly isUrgent: boolean;
  /** Refuse with ADAPTER_SOURCE_CHANGED any other content than that of this version. */
  readonly expected?: string | undefined;
}

/**
 * The known versions, one for each content, with any number of names and sources. A version is known while a name or a lease keeps it.
 * Its weights are in memory while the budget allows, and are read again when they are needed.
 */
export class VersionTable<Weights extends HostWeights> {
  readonly memory: HostMemory<Weights>;
  readonly leases: LeaseWatch;
  readonly #arena: AdapterArena<Weights>;
  readonly #versions = new Map<string, VersionRecord>();
  readonly #arrived = new Set<WeightsHold<Weights>>();
  readonly #reads = new Lanes(readsAtOnce);
  readonly #clock: Clock;

  constructor({ arena, memory, maxResident, idleMs, clock, leaseLimitMs }: VersionTableOptions<Weights>) {
    this.#arena = arena;
    this.#clock = clock ?? systemClock;
    this.leases = new LeaseWatch({ leaseLimitMs, clock });
    const isNeeded = (digest: string): boolean => {
      const version = this.#versions.get(digest);
      // WHY: the files of a version that loses its name are likely to hold the next version already.
      return version !== undefined && version.holds <= version.leaving && version.leases > 0;
    };
    const isStored = (digest: string): boolean =>
      this.#versions.get(digest)?.sources.some(({ isImmutable = false }) => isImmutable) === true;
    this.memory = new HostMemory({ limit: memory, maxCount: maxResident, isNeeded, isStored, idleMs, clock });
  }

  get(digest: string): VersionRecord | undefined {
    return this.#versions.get(digest);
  }

  /** @throws EspalierError ADAPTER_VERSION_UNKNOWN */
  known(digest: string): VersionRecord {
    const version = this.#versions.get(digest);
    if (version) return version;
    throw new EspalierError('ADAPTER_VERSION_UNKNOWN', { what: 'A pin or a drain', version: digest });
  }

  /** Every version that a name, a lease or a pin keeps. */
  list(): readonly VersionRecord[] {
    return [...this.#versions.values()];
  }

  /**
   * Reads an adapter with its tokenizer, and adds one hold to its version. The weights of a known version are not prepared again.
   *
   * WHY the tokenizer is not the version's: the same weights may lie in two folders with different chat templates.
   *
   * @throws EspalierError the errors of reading, checking and preparing. Nothing was changed then.
   */
  bring(source: AdapterSource, { name, isUrgent, expected }: BringOptions): Promise<Served<VersionRecord>> {
    const read = async (): Promise<Served<VersionRecord>> => {
      const began = this.#clock.now();
      const adapter = await source.read();
      try {
        return await this.#admit(adapter, { name, isUrgent, expected, source, began });
      } finally {
        adapter.release?.();
      }
    };
    return this.#reads.take(read, { isUrgent });
  }

  async #admit(
    adapter: SourcedAdapter,
    {
      name,
      isUrgent,
      expected,
      source,
      began,
    }: BringOptions & { readonly source: AdapterSource; readonly began: number },
  ): Promise<Served<VersionRecord>> {
    if (expected !== undefined && adapter.digest !== expected) throw changed(name, source, expected);
    const tokenizer = await adapter.openTokenizer?.();
    if (expected === undefined) tellNotes(name, adapter);
    const present = this.#versions.get(adapter.digest);
    if (present === undefined)
      return { version: await this.#enter(name, adapter, { source, isUrgent, began }), tokenizer };
    present.holds++;
    try {
      await present.entering;
      this.#confirm(name, present, adapter);
    } catch (error) {
      this.drop(present);
      throw error;
    }
    present.addSource(source);
    return { version: present, tokenizer };
  }

  /**
   * Adds one hold to a version of which the facts are known, and opens its tokenizer. Its weights are read when they are first needed,
   * and are checked then. It waits only for a reading of the same content that has begun.
   * @throws EspalierError the errors of opening the tokenizer. Nothing was changed then.
   */
  async know({ source, ...known }: Omit<AdoptedVersion, 'path'>): Promise<Served<VersionRecord>> {
    const tokenizer = await known.openTokenizer?.();
    for (;;) {
      const present = this.#versions.get(known.digest);
      if (present?.entering === undefined) return { version: this.#holdKnown(known, source, present), tokenizer };
      // WHY no error: if that reading fails, this version is known all the same.
      await present.entering.catch(() => undefined);
    }
  }

  /**
   * Adds one hold to a version that may be forgotten by now. Unless a store holds it, it is read and checked first, with its tokenizer,
   * because its files may have changed.
   * @throws EspalierError ADAPTER_SOURCE_CHANGED, ADAPTER_VERSION_UNKNOWN if nothing holds its content any more, and the errors of
   *   reading. Nothing was changed then.
   */
  async recall(name: string, version: VersionRecord): Promise<Served<VersionRecord>> {
    const { digest, openTokenizer } = version;
    const sources = this.#versions.get(digest)?.sources ?? version.sources;
    const stored = sources.find(({ isImmutable }) => isImmutable === true);
    if (stored !== undefined) return this.know({ ...factsOf(version), source: stored, openTokenizer });
    const problems: unknown[] = [];
    for (const source of sources) {
      try {
        return await this.bring(source, { name, isUrgent: true, expected: digest });
      } catch (error) {
        problems.push(error);
      }
    }
    throw problems[0] ?? new EspalierError('ADAPTER_VERSION_UNKNOWN', { what: name, version: digest });
  }

  #holdKnown(
    known: Omit<AdoptedVersion, 'source' | 'path'>,
    source: AdapterSource,
    present: VersionRecord | undefined,
  ): VersionRecord {
    const version = present ?? new VersionRecord({ ...known, sources: [source], created: unixSeconds() });
    version.holds++;
    version.addSource(source);
    version.openTokenizer ??= known.openTokenizer;
    this.#versions.set(version.digest, version);
    return version;
  }

  /**
   * Checks the content of a version of which only a record was known.
   * @throws EspalierError ADAPTER_FACTS_CHANGED if the record is wrong, and the errors of the arena's `check`
   */
  #confirm(name: string, version: VersionRecord, adapter: Adapter): void {
    if (version.isChecked) return;
    const problems = differences(version, this.#arena.check(name, adapter));
    // WHY an error: requests were admitted by these facts, and the rows of an arena are given out by them.
    if (problems.length > 0) throw new EspalierError('ADAPTER_FACTS_CHANGED', { name, problems });
    version.isChecked = true;
  }

  async #enter(
    name: string,
    adapter: Adapter,
    { source, isUrgent, began }: { readonly source: AdapterSource; readonly isUrgent: boolean; readonly began: number },
  ): Promise<VersionRecord> {
    const { digest, baseName: base, baseFingerprint: fingerprint } = adapter;
    const facts = this.#arena.check(name, adapter);
    const version = new VersionRecord({
      ...facts,
      digest,
      base,
      fingerprint,
      sources: [source],
      created: unixSeconds(),
    });
    version.isChecked = true;
    version.holds++;
    this.#versions.set(digest, version);
    version.entering = this.#prepare(version, adapter, { name, isUrgent, began });
    try {
      await version.entering;
      version.entering = undefined;
      return version;
    } catch (error) {
      if (this.#versions.get(digest) === version) this.#versions.delete(digest);
      throw error;
    }
  }

  async #prepare(
    version: VersionRecord,
    adapter: Adapter,
    { name, isUrgent, began }: BringOptions & { readonly began: number },
  ): Promise<void> {
    const weights = await this.#arena.prepare(name, adapter);
    const durationMs = this.#clock.now() - began;
    if (isUrgent) this.memory.keep(version.digest, weights, durationMs).dispose();
    else this.memory.offer(version.digest, weights, durationMs);
  }

  /** Ends a name's hold on a version. */
  drop(version: VersionRecord): void {
    version.holds--;
    this.#retireIfUnused(version);
  }

  /** @param use  counts the requests that come under this name */
  lease(alias: string, served: Served<VersionRecord>, use: LeaseCount): AdapterLease<Weights> {
    const { version } = served;
    return new AdapterLease(alias, served, {
      begin: () => {
        const end = this.leases.begin(alias, version, use);
        return () => {
          end();
          this.#retireIfUnused(version);
        };
      },
      hold: () => this.hold(alias, version),
    });
  }

  /** Keeps the weights in memory until the hold is disposed. Reads them again if they were dropped. */
  async hold(name: string, version: VersionRecord): Promise<WeightsHold<Weights>> {
    for (;;) {
      const hold = this.memory.hold(version.digest);
      if (hold !== undefined) return hold;
      version.returning ??= this.#reads
        .take(() => this.#readAgain(name, version))
        .finally(() => {
          version.returning = undefined;
        });
      await version.returning;
    }
  }

  /** The first source that still has the version's content. */
  async #readAgain(name: string, version: VersionRecord): Promise<void> {
    const problems: unknown[] = [];
    for (const source of version.sources) {
      const began = this.#clock.now();
      try {
        const adapter = await source.read();
        try {
          if (adapter.digest === version.digest) {
            this.#confirm(name, version, adapter);
            const weights = await this.#arena.prepare(name, adapter);
            this.#holdForATurn(this.memory.keep(version.digest, weights, this.#clock.now() - began));
            return;
          }
        } finally {
          adapter.release?.();
        }
        problems.push(changed(name, source, version.digest));
      } catch (error) {
        problems.push(error);
      }
    }
    throw problems[0];
  }

  /** WHY for a turn: callers that wait for the weights must be able to take their own holds first. */
  #holdForATurn(hold: WeightsHold<Weights>): void {
    this.#arrived.add(hold);
    void breathe().then(() => {
      this.#arrived.delete(hold);
      hold.dispose();
    });
  }

  #retireIfUnused(version: VersionRecord): void {
    if (version.holds > 0 || version.leases > 0) return;
    // WHY this check: a version that could not be read may have been followed by one with the same content.
    if (this.#versions.get(version.digest) !== version) return;
    this.#versions.delete(version.digest);
    this.memory.drop(version.digest);
    version.keepFiles();
    this.#arena.forget(version.digest);
    publishAdapterEvent({ event: 'retire', version: version.digest });
  }

  dispose(): void {
    for (const hold of this.#arrived) hold.dispose();
    this.memory.dispose();
  }
}

function changed(name: string, { path }: AdapterSource, version: string): EspalierError {
  return new EspalierError('ADAPTER_SOURCE_CHANGED', { name, path, version });
}

/** What is known of a version after it was forgotten. */
function factsOf({ digest, rank, bytes, isAlone, base, fingerprint }: VersionRecord): Omit<KnownVersion, 'path'> {
  return { digest, rank, bytes, isAlone, base, fingerprint };
}

export function unixSeconds(): number {
  return Math.floor(Date.now() / 1000);
}

function tellNotes(name: string, { digest, notes = [] }: SourcedAdapter): void {
  for (const reason of notes) publishAdapterEvent({ event: 'note', name, version: digest, reason });
}
