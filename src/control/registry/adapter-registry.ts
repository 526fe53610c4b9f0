import { channel } from 'node:diagnostics_channel';

import { didYouMean, EspalierError } from '../../core/index.ts';
import type { Adapter } from '../../lora/index.ts';
import { AdapterLease, ResidentVersion, type AdapterVersion } from './adapter-version.ts';
import { Turns } from './turns.ts';

/**
 * Where versions live while they are resident: the stacked arrays of an engine, the tensors of a model that is served, or a
 * test's double. A `Place` is what the store needs to find one of them again.
 */
export interface AdapterStore<Place> {
  /** Throws, with nothing changed, where the weights cannot be served; else says their rank. */
  check(name: string, weights: Adapter): number;
  /** Room for an adapter. Throws ADAPTER_CAPACITY, with nothing changed, where there is none. */
  reserve(name: string, rank: number, weights: Adapter): Place;
  /** Writes a version's weights while runs go on; no run reads them as an adapter before this resolves. */
  write(name: string, place: Place, weights: Adapter): Promise<void>;
  release(place: Place): void;
}

export interface AdapterInfo {
  readonly name: string;
  /** SHA-256 of the adapter's content. */
  readonly version: string;
  readonly rank: number;
  /** Requests that use this version now, under whatever name. */
  readonly leases: number;
}

export interface MoveOptions {
  /** Refuse with ADAPTER_VERSION_CONFLICT unless the name points to this version. */
  readonly expectedVersion?: string;
}

/** What is published on the channel `espalier:adapter`. */
export interface AdapterEvent {
  readonly event: 'load' | 'replace' | 'unload' | 'retire';
  /** Absent when a version retires: it has no name any more. */
  readonly name?: string;
  readonly version: string;
  /** The version that a replacement replaced. */
  readonly previous?: string;
}

const events = channel('espalier:adapter');

/**
 * Which adapter each name means. Versions are immutable and named by their content; a name points to one of them, and
 * moves by compare-and-swap. A request leases the version it looked up until its last answer, so that it ends on what it
 * began with; a version that no name, no lease and no load holds gives its place back.
 *
 * Changes of one name happen in the order of the calls. What fails leaves everything as it was.
 */
export class AdapterRegistry<Place> {
  readonly #store: AdapterStore<Place>;
  readonly #names = new Map<string, ResidentVersion<Place>>();
  readonly #versions = new Map<string, ResidentVersion<Place>>();
  readonly #turns = new Turns();

  constructor(store: AdapterStore<Place>) {
    this.#store = store;
  }

  /**
   * Makes an adapter available under a new name.
   * @throws EspalierError ADAPTER_EXISTS, ADAPTER_CAPACITY, ADAPTER_RANK_TOO_LARGE, ADAPTER_TARGET_NOT_SERVED,
   *   ADAPTER_VALUES_UNUSABLE, SHAPE_MISMATCH: nothing was changed
   */
  load(name: string, weights: Adapter): Promise<AdapterVersion<Place>> {
    return this.#turns.take(name, async () => {
      const current = this.#names.get(name);
      if (current) throw new EspalierError('ADAPTER_EXISTS', { name, version: current.id });
      const version = await this.#bringIn(name, weights);
      this.#names.set(name, version);
      publish({ event: 'load', name, version: version.id });
      return version;
    });
  }

  /**
   * Moves a name to another version. Requests under way finish on the version they began with.
   * @throws EspalierError ADAPTER_NOT_FOUND, ADAPTER_VERSION_CONFLICT, and what `load` throws; the old version goes on serving
   */
  replace(name: string, weights: Adapter, options: MoveOptions = {}): Promise<AdapterVersion<Place>> {
    return this.#turns.take(name, async () => {
      const previous = this.#expect(name, options);
      const version = await this.#bringIn(name, weights);
      this.#names.set(name, version);
      publish({ event: 'replace', name, version: version.id, previous: previous.id });
      this.#drop(previous);
      return version;
    });
  }

  /**
   * Takes a name away. Requests under way finish.
   * @returns the version that the name pointed to
   * @throws EspalierError ADAPTER_NOT_FOUND, ADAPTER_VERSION_CONFLICT
   */
  unload(name: string, options: MoveOptions = {}): Promise<AdapterVersion<Place>> {
    return this.#turns.take(name, () => {
      const version = this.#expect(name, options);
      this.#names.delete(name);
      publish({ event: 'unload', name, version: version.id });
      this.#drop(version);
      return Promise.resolve(version);
    });
  }

  /** Looks a name up and leases its version, in one turn of the event loop. Dispose the lease after the last answer. */
  acquire(name: string): AdapterLease<Place> {
    const version = this.#find(name);
    version.leases++;
    return new AdapterLease(name, version, () => {
      version.leases--;
      this.#retireIfUnused(version);
    });
  }

  has(name: string): boolean {
    return this.#names.has(name);
  }

  /** By name, in the order of loading. */
  list(): AdapterInfo[] {
    return Array.from(this.#names, ([name, { id, rank, leases }]) => ({ name, version: id, rank, leases }));
  }

  /** Every version that holds a place: named, leased or being loaded. */
  resident(): readonly AdapterVersion<Place>[] {
    return [...this.#versions.values()];
  }

  #find(name: string): ResidentVersion<Place> {
    const version = this.#names.get(name);
    if (version) return version;
    const names = [...this.#names.keys()];
    throw new EspalierError('ADAPTER_NOT_FOUND', {
      name,
      hint: didYouMean(name, names),
      known: names,
    });
  }

  #expect(name: string, { expectedVersion }: MoveOptions): ResidentVersion<Place> {
    const version = this.#find(name);
    if (expectedVersion !== undefined && expectedVersion !== version.id) {
      throw new EspalierError('ADAPTER_VERSION_CONFLICT', { name, expected: expectedVersion, actual: version.id });
    }
    return version;
  }

  /** The version of these weights, held once more; what is resident already, or on its way, is not written again. */
  async #bringIn(name: string, weights: Adapter): Promise<ResidentVersion<Place>> {
    const present = this.#versions.get(weights.digest);
    if (present) {
      present.holds++;
      await present.ready;
      return present;
    }
    const rank = this.#store.check(name, weights);
    const place = this.#store.reserve(name, rank, weights);
    const ready = this.#store.write(name, place, weights);
    const version = new ResidentVersion({ id: weights.digest, rank, place, ready });
    this.#versions.set(version.id, version);
    try {
      await ready;
    } catch (error) {
      this.#versions.delete(version.id);
      this.#store.release(place);
      throw error;
    }
    return version;
  }

  #drop(version: ResidentVersion<Place>): void {
    version.holds--;
    this.#retireIfUnused(version);
  }

  #retireIfUnused(version: ResidentVersion<Place>): void {
    if (version.holds > 0 || version.leases > 0) return;
    this.#versions.delete(version.id);
    this.#store.release(version.place);
    publish({ event: 'retire', version: version.id });
  }
}

function publish(event: AdapterEvent): void {
  if (events.hasSubscribers) events.publish(event);
}
