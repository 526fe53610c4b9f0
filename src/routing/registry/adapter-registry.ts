import { type Cause, didYouMean, EspalierError, publishAdapterEvent } from '../../core/index.ts';
import { infoOf, type AdapterInfo, type Alias } from './alias.ts';
import type { AdapterArena, HostWeights } from './adapter-arena.ts';
import { sourceOf, type AdapterSource, type SourcedAdapter } from './adapter-source.ts';
import type { AdapterLease, AdapterVersion, Served, VersionRecord } from './adapter-version.ts';
import { defaultMemory } from './default-memory.ts';
import { firstNames } from './first-names.ts';
import { type AdoptedVersion, assertUsable } from './known-version.ts';
import { Turns } from './turns.ts';
import type { ResidentWeights } from './host-memory.ts';
import { type ResidencyOptions, unixSeconds, VersionTable } from './version-table.ts';

export interface RegistryOptions extends Omit<ResidencyOptions, 'memory'> {
  /** Bytes of host memory for the weights of adapters. Default: a quarter of the memory that is available when the registry is created. */
  readonly memory?: number | undefined;
}

export interface ChangeOptions {
  /** Who changes the name, and why. Default: the server itself. */
  readonly cause?: Cause | undefined;
}

export interface MoveOptions extends ChangeOptions {
  /** Refuse with ADAPTER_VERSION_CONFLICT unless the name points to this version. */
  readonly expectedVersion?: string | undefined;
}

/**
 * The adapter versions and the names that point to them. A version is immutable and identified by the hash of its content. A name
 * points to one version, and is moved by compare-and-swap. A request leases the version to which its name points at the call, and keeps
 * it until its last answer. A version is forgotten when no name, no lease and no load holds it.
 *
 * Any number of adapters can be registered. Their weights are kept in host memory within a budget. The least recently used weights are
 * dropped, and are read again from their source when a request needs them. The arena decides which weights the runs read, and where
 * they are placed.
 *
 * Changes of one name happen in the order of the calls. A change that fails has no effect.
 */
export class AdapterRegistry<Weights extends HostWeights = HostWeights> implements Disposable {
  readonly #aliases = new Map<string, Alias>();
  readonly #table: VersionTable<Weights>;
  readonly #turns = new Turns();
  #list: readonly AdapterInfo[] | undefined;
  #isDisposed = false;

  constructor(arena: AdapterArena<Weights>, { memory = defaultMemory(), ...residency }: RegistryOptions = {}) {
    this.#table = new VersionTable({ arena, memory, ...residency });
  }

  /**
   * Makes an adapter available under a new name.
   * @throws EspalierError ADAPTER_ALREADY_LOADED, and the errors of the source and of the arena's `check`. Nothing was changed then.
   */
  load(name: string, from: SourcedAdapter | AdapterSource, options: ChangeOptions = {}): Promise<AdapterVersion> {
    return this.#turns.take(name, () => {
      const state = this.#aliases.get(name)?.state;
      if (state === undefined || state.kind === 'failed') return this.#point(name, from, options);
      const version = state.kind === 'serving' ? state.version.digest : 'being read';
      throw new EspalierError('ADAPTER_ALREADY_LOADED', { name, version });
    });
  }

  /**
   * Moves a name to another version. Requests that have begun finish on the version that they began with.
   * @throws EspalierError ADAPTER_NOT_FOUND, ADAPTER_VERSION_CONFLICT, and the errors of `load`. The old version then stays in use.
   */
  replace(name: string, from: SourcedAdapter | AdapterSource, options: MoveOptions = {}): Promise<AdapterVersion> {
    return this.#turns.take(name, () => {
      this.#expect(name, options);
      return this.#point(name, from, options);
    });
  }

  /**
   * Loads the adapter under the name, or replaces the version of the name if it exists.
   * @throws EspalierError the errors of `load` and `replace`. A version that was served stays in use.
   */
  put(name: string, from: SourcedAdapter | AdapterSource, options: ChangeOptions = {}): Promise<AdapterVersion> {
    return this.#turns.take(name, () => this.#point(name, from, options));
  }

  /**
   * Points a name to a version that was verified before, without reading its weights. The name is served at once, with the tokenizer of
   * the version. The first request reads
   * the weights and checks that they are those of the version.
   * @throws EspalierError ADAPTER_FACTS_INVALID; with `expectedVersion` also ADAPTER_NOT_FOUND, ADAPTER_VERSION_CONFLICT. Nothing was
   *   changed then.
   */
  adopt(name: string, known: AdoptedVersion, options: MoveOptions = {}): Promise<AdapterVersion> {
    return this.#turns.take(name, async () => {
      if (options.expectedVersion !== undefined) this.#expect(name, options);
      assertUsable(name, known);
      const tokenizer = await known.openTokenizer?.();
      const version = await this.#table.know(known);
      this.#moveTo({ version, tokenizer }, { name, source: known.source, ...options });
      return version;
    });
  }

  /** Reads, checks and prepares the adapter, and then moves the name. Must be called in the name's turn. */
  async #point(name: string, from: SourcedAdapter | AdapterSource, options: ChangeOptions): Promise<VersionRecord> {
    const source = sourceOf(from);
    const served = await this.#bringInPlaceOf(this.#serving(name), source, name);
    this.#moveTo(served, { name, source, ...options });
    return served.version;
  }

  /** Points the name to a version that is held for it. */
  #moveTo(
    served: Served<VersionRecord>,
    { name, source, cause }: ChangeOptions & { readonly name: string; readonly source: AdapterSource },
  ): void {
    const previous = this.#set({ name, source, created: unixSeconds(), state: { kind: 'serving', ...served } });
    const told = { ...cause, name, version: served.version.digest };
    if (previous === undefined) publishAdapterEvent({ event: 'load', ...told });
    else publishAdapterEvent({ event: 'replace', ...told, previous: previous.digest });
    if (served.tokenizer !== undefined) publishAdapterEvent({ event: 'template', ...told });
    if (previous !== undefined) this.#table.drop(previous);
  }

  async #bringInPlaceOf(
    previous: VersionRecord | undefined,
    source: AdapterSource,
    name: string,
  ): Promise<Served<VersionRecord>> {
    if (previous) previous.leaving++;
    try {
      return await this.#table.bring(source, { name, isUrgent: true });
    } finally {
      if (previous) previous.leaving--;
    }
  }

  /**
   * Removes a name. Requests that have begun finish.
   * @throws EspalierError ADAPTER_NOT_FOUND, ADAPTER_VERSION_CONFLICT
   */
  unload(name: string, options: MoveOptions = {}): Promise<void> {
    return this.#turns.take(name, () => {
      const alias = this.#expect(name, options);
      this.#aliases.delete(name);
      this.#list = undefined;
      const version = alias.state.kind === 'serving' ? alias.state.version : undefined;
      if (version !== undefined) {
        publishAdapterEvent({ event: 'unload', ...options.cause, name, version: version.digest });
        this.#table.drop(version);
      }
      return Promise.resolve();
    });
  }

  /**
   * Registers a name for an adapter that has not been read yet. `readAnnounced` reads it, or the first request for it does.
   * @throws EspalierError ADAPTER_ALREADY_LOADED
   */
  announce(name: string, source: AdapterSource): void {
    if (this.#aliases.has(name)) throw new EspalierError('ADAPTER_ALREADY_LOADED', { name, version: 'announced' });
    this.#set({ name, source, created: unixSeconds(), state: { kind: 'pending' } });
  }

  /** Records that an announced adapter cannot be served. Requests for it get the error. Other adapters are not affected. */
  fail(name: string, source: AdapterSource, error: unknown): void {
    this.#set({ name, source, created: unixSeconds(), state: { kind: 'failed', error } });
    publishAdapterEvent({ event: 'fail', name, error });
  }

  /** Reads the announced adapters, one after the other. Never rejects: an error is recorded under the adapter's name. */
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
        const served = await this.#table.bring(source, { name, isUrgent });
        const version = served.version.digest;
        this.#set({ ...alias, state: { kind: 'serving', ...served } });
        publishAdapterEvent({ event: 'load', name, version });
        if (served.tokenizer !== undefined) publishAdapterEvent({ event: 'template', name, version });
      } catch (error) {
        this.fail(name, source, error);
      }
    });
  }

  /**
   * Looks a name up and leases its version, synchronously. Dispose the lease after the last answer.
   * @throws EspalierError ADAPTER_NOT_FOUND, ADAPTER_BEING_READ, or the error that was recorded by `fail`
   */
  acquire(name: string): AdapterLease<Weights> {
    const { state } = this.#find(name);
    if (state.kind === 'failed') throw state.error;
    if (state.kind === 'pending') throw new EspalierError('ADAPTER_BEING_READ', { name });
    return this.#table.lease(name, state);
  }

  /** Like `acquire`, but first reads an adapter that was only announced. */
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

  /** The host memory that weights use. */
  memory(): { readonly used: number; readonly limit: number; readonly versions: number } {
    const { used, limit, count } = this.#table.memory;
    return { used, limit, versions: count };
  }

  /** The versions whose weights are in host memory, the least recently used first. */
  resident(): readonly ResidentWeights[] {
    return [...this.#table.memory.table()];
  }

  /** Releases the weights of versions of a store that were not used for `idleMs`. The owner calls it from time to time. */
  releaseIdle(): void {
    this.#table.memory.releaseIdle();
  }

  #find(name: string): Alias {
    const alias = this.#aliases.get(name);
    if (alias) return alias;
    // WHY no list: the names are those of other callers too, and there may be thousands.
    throw new EspalierError('ADAPTER_NOT_FOUND', { name, hint: didYouMean(name, firstNames(this.#aliases.keys())) });
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

  /** @returns the version to which the name pointed before; the name's hold on it has not been dropped */
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

  /** Frees the weights. Weights that are held are freed when their holds end. */
  dispose(): void {
    this.#isDisposed = true;
    this.#table.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
