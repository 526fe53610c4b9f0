import type { RankRows } from './rank-allocator.ts';

/** One immutable content of an adapter, resident in an engine. */
export interface AdapterVersion {
  /** SHA-256 of the adapter's content, in hexadecimal. */
  readonly id: string;
  /** Rank rows that it takes: the largest rank of its modules. */
  readonly rank: number;
  readonly rows: RankRows;
}

/** A version with the counts of what keeps it: only the registry changes them. */
export class ResidentVersion implements AdapterVersion {
  readonly id: string;
  readonly rows: RankRows;
  /** Settles when its rows are written. */
  readonly ready: Promise<void>;
  /** Names that point to it, and loads that are about to. */
  holds = 1;
  /** Requests that have not had their last token yet. */
  leases = 0;

  constructor({ id, rows, ready }: { readonly id: string; readonly rows: RankRows; readonly ready: Promise<void> }) {
    this.id = id;
    this.rows = rows;
    this.ready = ready;
  }

  get rank(): number {
    return this.rows.end - this.rows.start;
  }
}

/** A request's claim on the version it looked up, until its last token. Disposing twice is harmless. */
export class AdapterLease implements Disposable {
  readonly name: string;
  readonly version: AdapterVersion;
  #release: (() => void) | undefined;

  constructor(name: string, version: AdapterVersion, release: () => void) {
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
