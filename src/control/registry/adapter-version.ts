/** One immutable content of an adapter, resident in memory. */
export interface AdapterVersion<Place> {
  /** SHA-256 of the adapter's content, in hexadecimal. */
  readonly id: string;
  /** The largest rank of its modules. */
  readonly rank: number;
  /** Where its weights lie: what the store gave for it. */
  readonly place: Place;
}

/** A version with the counts of what keeps it: only the registry changes them. */
export class ResidentVersion<Place> implements AdapterVersion<Place> {
  readonly id: string;
  readonly rank: number;
  readonly place: Place;
  /** Settles when its weights are written. */
  readonly ready: Promise<void>;
  /** Names that point to it, and loads that are about to. */
  holds = 1;
  /** Requests that have not had their last answer yet. */
  leases = 0;

  constructor({ id, rank, place, ready }: AdapterVersion<Place> & { readonly ready: Promise<void> }) {
    this.id = id;
    this.rank = rank;
    this.place = place;
    this.ready = ready;
  }
}

/** A request's claim on the version it looked up, until its last answer. Disposing twice is harmless. */
export class AdapterLease<Place> implements Disposable {
  readonly name: string;
  readonly version: AdapterVersion<Place>;
  #release: (() => void) | undefined;

  constructor(name: string, version: AdapterVersion<Place>, release: () => void) {
    this.name = name;
    this.version = version;
    this.#release = release;
  }

  dispose(): void {
    const release = this.#release;
    this.#release = undefined;
    release?.();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
