import { didYouMean, EspalierError } from '../../core/index.ts';
import type { Adapter } from '../../lora/index.ts';
import { infoOf, type AdapterInfo, type Alias } from './alias.ts';
import type { AdapterArena, HostWeights } from './adapter-arena.ts';
import { publish } from './adapter-events.ts';
import { sourceOf, type AdapterSource } from './adapter-source.ts';
import type { AdapterLease, AdapterVersion, VersionRecord } from './adapter-version.ts';
import { defaultMemory } from './default-memory.ts';
import { namesOf } from './names-of.ts';
import { Turns } from './turns.ts';
import { unixSeconds, VersionTable } from './version-table.ts';

export interface RegistryOptions {
  /** Bytes of host memory for the weights of adapters. Default: a quarter of what is available when the registry is made. */
  readonly memory?: number | undefined;
}

export interface MoveOptions {
  /** Refuse with ADAPTER_VERSION_CONFLICT unless the name points to this version. */
  readonly expectedVersion?: string;
}

/**
 * Which adapter each name means. Versions are immutable and named by their content; a name points to one of them, and
 * moves by compare-and-swap. A request leases the version that its name means at the call until its last answer, so that it ends on
 * what it began with; a version that no name, no lease and no load holds is forgotten.
 *
 * Any number of adapters can be registered. Their weights lie in host memory within a budget, and those that were not used for
 * longest are dropped and read again from their source when a request needs them. Which of them runs read, and where, is the
 * arena's own affair.
 *
 * Changes of one name happen in the order of the calls. What fails leaves everything as it was.
 */
export class AdapterRegistry<Weights extends HostWeights = HostWeights> implements Disposable {
  readonly #aliases = new Map<string, Alias>();
  readonly #table: VersionTable<Weights>;
  readonly #turns = new Turns();
  #list: readonly AdapterInfo[] | undefined;
  #isDisposed = false;

  constructor(arena: AdapterArena<Weights>, { memory = defaultMemory() }: RegistryOptions = {}) {
    this.#table = new VersionTable({ arena, memory });
  }

  /**
   * Makes an adapter available under a new name.
   * @throws EspalierError ADAPTER_EXISTS, what the source throws, and what the arena refuses: nothing was changed
   */
  load(name: string, from: Adapter | AdapterSource): Promise<AdapterVersion> {
    return this.#turns.take(name, () => {
      const state = this.#aliases.get(name)?.state;
      if (state === undefined || state.kind === 'failed') return this.#point(name, from);
      const version = state.kind === 'serving' ? state.version.digest : 'being read';
      throw new EspalierError('ADAPTER_EXISTS', { name, version });
    });
  }

  /**
   * Moves a name to another version. Requests under way finish on the version they began with.
   * @throws EspalierError ADAPTER_NOT_FOUND, ADAPTER_VERSION_CONFLICT, and what `load` throws; the old version goes on serving
   */
  replace(name: string, from: Adapter | AdapterSource, options: MoveOptions = {}): Promise<AdapterVersion> {
    return this.#turns.take(name, () => {
      this.#expect(name, options);
      return this.#point(name, from);
    });
  }

  /**
   * Loads a name that is new, and replaces one that is not.
   * @throws EspalierError what `load` and `replace` throw; what served before goes on serving
   */
  put(name: string, from: Adapter | AdapterSource): Promise<AdapterVersion> {
    return this.#turns.take(name, () => this.#point(name, from));
  }

  /** In the name's turn: reads, checks and prepares, and only then moves the name. */
  async #point(name: string, from: Adapter | AdapterSource): Promise<VersionRecord> {
    const source = sourceOf(from);
    const version = await this.#bringInPlaceOf(this.#serving(name), source, name);
    const previous = this.#set({ name, source, created: unixSeconds(), state: { kind: 'serving', version } });
    const { digest } = version;
    if (previous === undefined) publish({ event: 'load', name, version: digest });
    else publish({ event: 'replace', name, version: digest, previous: previous.digest });
    if (previous !== undefined) this.#table.drop(previous);
    return version;
  }

  async #bringInPlaceOf(
    previous: VersionRecord | undefined,
    source: AdapterSource,
    name: string,
  ): Promise<VersionRecord> {
    if (previous) previous.leaving++;
    try {
      return await this.#table.bring(source, { name, isUrgent: true });
    } finally {
      if (previous) previous.leaving--;
    }
  }

  /**
   * Takes a name away. Requests under way finish.
   * @throws EspalierError ADAPTER_NOT_FOUND, ADAPTER_VERSION_CONFLICT
   */
  unload(name: string, options: MoveOptions = {}): Promise<void> {
    return this.#turns.take(name, () => {
      const alias = this.#expect(name, options);
      this.#aliases.delete(name);
      this.#list = undefined;
      const version = alias.state.kind === 'serving' ? alias.state.version : undefined;
      if (version !== undefined) {
        publish({ event: 'unload', name, version: version.digest });
        this.#table.drop(version);
      }
      return Promise.resolve();
    });
  }

  /**
   * Gives a name to an adapter that has not been read yet: it is read by `readAnnounced`, or when the first request asks for it.
   * @throws EspalierError ADAPTER_EXISTS
   */
  announce(name: string, source: AdapterSource): void {
    if (this.#aliases.has(name)) throw new EspalierError('ADAPTER_EXISTS', { name, version: 'announced' });
    this.#set({ name, source, created: unixSeconds(), state: { kind: 'pending' } });
  }

  /** Notes that an adapter which was announced cannot be served: requests for it get the error, and others are served. */
  fail(name: string, source: AdapterSource, error: unknown): void {
    this.#set({ name, source, created: unixSeconds(), state: { kind: 'failed', error } });
    publish({ event: 'fail', name, error });
  }

  /** Reads what was announced, one after the other. Never rejects: what cannot be read is noted under its name. */
  async readAnnounced(): Promise<void> {
    for (const { name, state } of this.#aliases.values()) {
      if (this.#isDisposed) return;
      if (state.kind === 'pending') await this.#read(name, { isUrgent: false });
    }
  }

  /** Reads a pending name's adapter in the name's turn. */
  #read(name: string, { isUrgent }: { readonly isUrgent: boolean }): Promise<void> {
    return this.#turns.take(name, async () => {
      const alias = this.#aliases.get(name);
      if (alias?.state.kind !== 'pending') return;
      const { source } = alias;
      try {
        const version = await this.#table.bring(source, { name, isUrgent });
        this.#set({ ...alias, state: { kind: 'serving', version } });
        publish({ event: 'load', name, version: version.digest });
      } catch (error) {
        this.fail(name, source, error);
      }
    });
  }

  /**
   * Looks a name up and leases its version, in one turn of the event loop. Dispose the lease after the last answer.
   * @throws EspalierError ADAPTER_NOT_FOUND, ADAPTER_BEING_READ; why the adapter cannot be served
   */
  acquire(name: string): AdapterLease<Weights> {
    const { state } = this.#find(name);
    if (state.kind === 'failed') throw state.error;
    if (state.kind === 'pending') throw new EspalierError('ADAPTER_BEING_READ', { name });
    return this.#table.lease(name, state.version);
  }

  /** As `acquire`, after the adapter has been read where it was only announced. */
  async lease(name: string): Promise<AdapterLease<Weights>> {
    if (this.#find(name).state.kind === 'pending') await this.#read(name, { isUrgent: true });
    return this.acquire(name);
  }

  has(name: string): boolean {
    return this.#aliases.has(name);
  }

  /** In the order of loading. The same array until a name changes. */
  list(): readonly AdapterInfo[] {
    this.#list ??= Array.from(this.#aliases.values(), infoOf);
    return this.#list;
  }

  /** Every version that is named, leased or being loaded. */
  versions(): readonly AdapterVersion[] {
    return this.#table.list();
  }

  /** Host memory that weights take. */
  memory(): { readonly used: number; readonly limit: number; readonly versions: number } {
    const { used, limit, count } = this.#table.memory;
    return { used, limit, versions: count };
  }

  #find(name: string): Alias {
    const alias = this.#aliases.get(name);
    if (alias) return alias;
    const { known, near } = namesOf(this.#aliases.keys(), this.#aliases.size);
    throw new EspalierError('ADAPTER_NOT_FOUND', { name, hint: didYouMean(name, near), known });
  }

  #expect(name: string, { expectedVersion }: MoveOptions): Alias {
    const alias = this.#find(name);
    const actual = this.#serving(name)?.digest;
    if (expectedVersion !== undefined && expectedVersion !== actual) {
      const details = { name, expected: expectedVersion, actual: actual ?? alias.state.kind };
      throw new EspalierError('ADAPTER_VERSION_CONFLICT', details);
    }
    return alias;
  }

  /** @returns the version that the name pointed to before, which is still held */
  #set(alias: Alias): VersionRecord | undefined {
    const previous = this.#serving(alias.name);
    this.#aliases.set(alias.name, alias);
    this.#list = undefined;
    return previous;
  }

  #serving(name: string): VersionRecord | undefined {
    const state = this.#aliases.get(name)?.state;
    return state?.kind === 'serving' ? state.version : undefined;
  }

  /** Gives the weights back, those that are held when their holds end. */
  dispose(): void {
    this.#isDisposed = true;
    this.#table.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
