import type { Tokenizer } from '../../tokenizer/index.ts';
import type { AdapterFacts, HostWeights } from './adapter-arena.ts';
import type { AdapterSource } from './adapter-source.ts';
import type { AdoptedVersion } from './known-version.ts';
import type { WeightsHold } from './host-memory.ts';
import { LeaseCount, type OpenLease } from './lease-count.ts';

/** One immutable content of an adapter. */
export interface AdapterVersion extends AdapterFacts {
  /** SHA-256 of everything that affects its results, in hexadecimal. */
  readonly digest: string;
  /** Name of the base on which it was trained, according to its configuration. */
  readonly base: string | undefined;
  /** The fingerprint of that base; undefined if its files tell none. */
  readonly fingerprint: string | undefined;
  /** The places from which it can be read again. */
  readonly sources: readonly AdapterSource[];
  /** Unix time in seconds at which it was first read. */
  readonly created: number;
}

/** A version with counts of its holders. Only the registry changes the counts. */
export class VersionRecord implements AdapterVersion {
  readonly digest: string;
  readonly base: string | undefined;
  readonly fingerprint: string | undefined;
  readonly rank: number;
  readonly bytes: number;
  readonly isAlone: boolean;
  readonly created: number;
  readonly sources: AdapterSource[];
  /** Number of names that point to it, of loads that are about to point a name to it, and of pins. */
  holds = 0;
  /** Number of those names that are about to point to another version. */
  leaving = 0;
  /** The requests that have not had their last answer yet. */
  readonly use = new LeaseCount();
  readonly openLeases = new Set<OpenLease>();
  /** Whether it takes no new requests. */
  isDraining = false;
  /** Whether the arena has checked its content. False while only the record of an earlier check is known. */
  isChecked = false;
  /** Opens the tokenizer that the folder of a store has beside its weights. */
  openTokenizer: AdoptedVersion['openTokenizer'];
  /** Pending while its weights are prepared for the first time. Nothing leases it before that. */
  entering: Promise<void> | undefined;
  /**
   * Pending while weights that were dropped from host memory wait for a lane and are read again. Only requests wait for it: a load that
   * did would keep the lane for which it waits.
   */
  returning: Promise<void> | undefined;

  constructor(version: AdapterVersion) {
    this.digest = version.digest;
    this.base = version.base;
    this.fingerprint = version.fingerprint;
    this.rank = version.rank;
    this.bytes = version.bytes;
    this.isAlone = version.isAlone;
    this.created = version.created;
    this.sources = [...version.sources];
  }

  /** Number of requests that have not had their last answer yet. */
  get leases(): number {
    return this.use.count;
  }

  /** Gives up the sources that keep an adapter in memory, when nothing uses the version any more. */
  keepFiles(): void {
    const files = this.sources.filter(({ path }) => path !== '');
    this.sources.splice(0, this.sources.length, ...files);
  }

  /** Forgets one of its places, unless it is the only one. */
  removeSource(source: AdapterSource): void {
    const at = this.sources.indexOf(source);
    if (at >= 0 && this.sources.length > 1) this.sources.splice(at, 1);
  }

  addSource(source: AdapterSource): void {
    const isKnown = source.path !== '' && this.sources.some(({ path }) => path === source.path);
    if (!isKnown) this.sources.push(source);
  }
}

/** The operations of the registry that a lease needs. */
export interface Lessor<Weights extends HostWeights> {
  /** Begins a lease. @returns ends it */
  begin(): () => void;
  hold(): Promise<WeightsHold<Weights>>;
}

/** What a name points to. */
export interface Served<Version extends AdapterVersion = AdapterVersion> {
  readonly version: Version;
  /** The tokenizer that was loaded with it; undefined where requests use the base's. */
  readonly tokenizer?: Tokenizer | undefined;
}

/** A request's claim on the version to which its name pointed at the call. It lasts until the last answer. `dispose` is idempotent. */
export class AdapterLease<Weights extends HostWeights = HostWeights> implements Disposable {
  /** The name that the request gave. */
  readonly alias: string;
  readonly version: AdapterVersion;
  /** The tokenizer that was loaded with the version under this name; undefined: the base's. */
  readonly tokenizer: Tokenizer | undefined;
  readonly #lessor: Lessor<Weights>;
  readonly #end: () => void;
  #isOpen = true;

  /** Use `AdapterRegistry.acquire`. */
  constructor(alias: string, { version, tokenizer }: Served, lessor: Lessor<Weights>) {
    this.alias = alias;
    this.version = version;
    this.tokenizer = tokenizer;
    this.#lessor = lessor;
    this.#end = lessor.begin();
  }

  /** Another claim on the same version, which must be disposed separately. */
  share(): AdapterLease<Weights> {
    return new AdapterLease(this.alias, this, this.#lessor);
  }

  /**
   * Keeps the version's weights in host memory until the hold is disposed. Reads them again if they were dropped.
   * @throws EspalierError ADAPTER_SOURCE_CHANGED, and the errors of reading the adapter
   */
  hold(): Promise<WeightsHold<Weights>> {
    return this.#lessor.hold();
  }

  dispose(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#end();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
