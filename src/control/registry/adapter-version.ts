import type { AdapterFacts, HostWeights } from './adapter-arena.ts';
import type { AdapterSource } from './adapter-source.ts';
import type { WeightsHold } from './host-memory.ts';

/** One immutable content of an adapter. */
export interface AdapterVersion extends AdapterFacts {
  /** SHA-256 of what changes its results, in hexadecimal. */
  readonly digest: string;
  /** Name of the base that it says it was trained on. */
  readonly base: string | undefined;
  /** Where it can be read from again. */
  readonly sources: readonly AdapterSource[];
  /** Unix time in seconds at which it was first read. */
  readonly created: number;
}

/** A version with the counts of what keeps it: only the registry changes them. */
export class VersionRecord implements AdapterVersion {
  readonly digest: string;
  readonly base: string | undefined;
  readonly rank: number;
  readonly bytes: number;
  readonly isAlone: boolean;
  readonly created: number;
  readonly sources: AdapterSource[];
  /** Names that point to it, and loads that are about to. */
  holds = 0;
  /** Of these names, those that are about to point elsewhere. */
  leaving = 0;
  /** Requests that have not had their last answer yet. */
  leases = 0;
  /** While its weights are on their way into host memory. */
  arriving: Promise<void> | undefined;

  constructor(version: AdapterVersion) {
    this.digest = version.digest;
    this.base = version.base;
    this.rank = version.rank;
    this.bytes = version.bytes;
    this.isAlone = version.isAlone;
    this.created = version.created;
    this.sources = [...version.sources];
  }

  addSource(source: AdapterSource): void {
    const isKnown = source.path !== '' && this.sources.some(({ path }) => path === source.path);
    if (!isKnown) this.sources.push(source);
  }
}

/** What the registry does for a lease. */
export interface Lessor<Weights extends HostWeights> {
  begin(): void;
  end(): void;
  hold(): Promise<WeightsHold<Weights>>;
}

/** A request's claim on the version that its name meant at the call, until its last answer. Disposing twice is harmless. */
export class AdapterLease<Weights extends HostWeights = HostWeights> implements Disposable {
  /** The name under which the request asked. */
  readonly alias: string;
  readonly version: AdapterVersion;
  readonly #lessor: Lessor<Weights>;
  #isOpen = true;

  /** Use `AdapterRegistry.acquire`. */
  constructor(alias: string, version: AdapterVersion, lessor: Lessor<Weights>) {
    this.alias = alias;
    this.version = version;
    this.#lessor = lessor;
    lessor.begin();
  }

  /** Another claim on the same version, to be disposed by itself. */
  share(): AdapterLease<Weights> {
    return new AdapterLease(this.alias, this.version, this.#lessor);
  }

  /**
   * Keeps the version's weights in host memory until the hold is disposed. They are read again where they were dropped.
   * @throws EspalierError ADAPTER_SOURCE_CHANGED, and what reading the adapter throws
   */
  hold(): Promise<WeightsHold<Weights>> {
    return this.#lessor.hold();
  }

  dispose(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#lessor.end();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
