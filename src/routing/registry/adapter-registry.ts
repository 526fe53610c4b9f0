import { type Clock, EspalierError, publishAdapterEvent, systemClock, Turns } from '../../core/index.ts';
import type { AdapterArena, HostWeights, Shard } from './adapter-arena.ts';
import { sourceOf, type AdapterSource, type SourcedAdapter } from './adapter-source.ts';
import { type AdapterLease, type AdapterVersion, type Served, VersionRecord } from './adapter-version.ts';
import { type AdapterInfo, servedBy } from './alias.ts';
import { defaultHistory, rollbackTarget, withEarlier } from './alias-history.ts';
import { AliasTable } from './alias-table.ts';
import type { ChangeOptions, MoveOptions, RollbackOptions } from './change-options.ts';
import { defaultMemory } from './default-memory.ts';
import { Drains } from './drains.ts';
import { type AdapterTrial, beginTrial } from './adapter-trial.ts';
import { leaseVersion } from './lease-version.ts';
import { recordOf } from './record-of.ts';
import { type Admit, HeldVersions } from './held-versions.ts';
import { JointMoves } from './joint-moves.ts';
import { type AdoptedVersion, assertUsable, type EarlierMove } from './known-version.ts';
import { type Moving, NameMoves } from './name-moves.ts';
import { Pins } from './pins.ts';
import type { ResidentWeights } from './host-memory.ts';
import { type ResidencyOptions, unixSeconds, VersionTable } from './version-table.ts';

export interface RegistryOptions extends Omit<ResidencyOptions, 'memory'> {
  /** Bytes of host memory for the weights of adapters. Default: a quarter of the memory that is available when the registry is created. */
  readonly memory?: number | undefined;
  /** Moves that are kept for each name. Default: 20. */
  readonly history?: number | undefined;
  /** Rejects if a version to which a name does not point may not answer for it. Default: every version may. */
  readonly admit?: Admit | undefined;
}

/**
 * The adapter versions and the names that point to them. A version is immutable and identified by the hash of its content. A name
 * points to one version, and is moved by compare-and-swap. A request leases the version to which its name points at the call, and keeps
 * it until its last answer. A version is forgotten when no name, no lease, no load and no pin holds it. The history of a name remembers
 * where it can be read again.
 *
 * Any number of adapters can be registered. Their weights are kept in host memory within a budget. The least recently used weights are
 * dropped, and are read again from their source when a request needs them. The arena decides which weights the runs read, and where
 * they are placed.
 *
 * Changes of one name happen in the order of the calls. A change that fails has no effect.
 */
export class AdapterRegistry<Weights extends HostWeights = HostWeights> implements Disposable {
  /** Names that must keep their version, and versions that must be kept. */
  readonly pins: Pins<Weights>;
  /** Names and versions that take no new requests. */
  readonly drains: Drains<Weights>;
  /** Versions that are kept for a name beside the one to which it points. */
  readonly held: HeldVersions<Weights>;
  /** Changes of several names in one step. */
  readonly joint: JointMoves<Weights>;
  readonly #names: NameMoves<Weights>;
  readonly #aliases: AliasTable;
  readonly #table: VersionTable<Weights>;
  readonly #turns = new Turns();
  readonly #historyLimit: number;
  readonly #clock: Clock;
  #isDisposed = false;

  constructor(
    arena: AdapterArena<Weights>,
    { memory = defaultMemory(), history = defaultHistory, admit, ...residency }: RegistryOptions = {},
  ) {
    this.#table = new VersionTable({ arena, memory, ...residency });
    this.#clock = residency.clock ?? systemClock;
    const [table, turns] = [this.#table, this.#turns];
    const aliases = new AliasTable((digest) => table.memory.has(digest));
    this.#aliases = aliases;
    this.pins = new Pins({ aliases, table, turns });
    this.drains = new Drains(aliases, table);
    this.held = new HeldVersions(aliases, table, admit);
    const { held } = this;
    this.#names = new NameMoves({ aliases, table, held, historyLimit: history, clock: this.#clock });
    this.joint = new JointMoves({ aliases, table, turns, names: this.#names });
    this.#historyLimit = history;
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
   * @throws EspalierError ADAPTER_NOT_FOUND, ADAPTER_VERSION_CONFLICT, ADAPTER_PINNED, and the errors of `load`. The old version then
   *   stays in use.
   */
  replace(name: string, from: SourcedAdapter | AdapterSource, options: MoveOptions = {}): Promise<AdapterVersion> {
    return this.#turns.take(name, () => {
      this.#aliases.expect(name, options);
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

  /** Reads, checks and prepares the adapter, and then moves the name. Must be called in the name's turn. */
  async #point(name: string, from: SourcedAdapter | AdapterSource, options: MoveOptions): Promise<VersionRecord> {
    this.#aliases.assertMovable(name, options);
    const source = sourceOf(from);
    const began = this.#clock.now();
    const served = await this.#inPlaceOf(name, this.#table.bring(source, { name, isUrgent: true }));
    this.#moveTo(served, { name, source, began, ...options });
    return served.version;
  }

  async #inPlaceOf(name: string, brought: Promise<Served<VersionRecord>>): Promise<Served<VersionRecord>> {
    const previous = this.#aliases.serving(name);
    if (previous) previous.leaving++;
    try {
      return await brought;
    } finally {
      if (previous) previous.leaving--;
    }
  }

  /**
   * Points a name to a version that was verified before, without reading its weights. The name is served at once, with the tokenizer of
   * the version. The first request reads the weights and checks that they are those of the version. A name that has the version already stays as it is.
   * @throws EspalierError ADAPTER_FACTS_INVALID, ADAPTER_PINNED; with `expectedVersion` also ADAPTER_NOT_FOUND,
   *   ADAPTER_VERSION_CONFLICT. Nothing was changed then.
   */
  adopt(name: string, known: AdoptedVersion, options: MoveOptions = {}): Promise<AdapterVersion> {
    return this.#turns.take(name, async () => {
      assertUsable(name, known);
      const present = this.#unmoved(name, known.digest, options);
      if (present !== undefined) {
        present.addSource(known.source);
        return present;
      }
      const began = this.#clock.now();
      const served = await this.#table.know(known);
      this.#moveTo(served, { name, source: known.source, began, ...options });
      return served.version;
    });
  }

  /**
   * Points a name, which may be new, to a version of its history or to one that another name has.
   * @throws EspalierError ADAPTER_VERSION_UNKNOWN, ADAPTER_PINNED, ADAPTER_SOURCE_CHANGED and the errors of reading; with
   *   `expectedVersion` also ADAPTER_NOT_FOUND, ADAPTER_VERSION_CONFLICT. Nothing was changed then.
   */
  point(name: string, digest: string, options: MoveOptions = {}): Promise<AdapterVersion> {
    return this.#turns.take(name, async () => {
      const present = this.#unmoved(name, digest, options);
      if (present !== undefined) return present;
      const history = this.#aliases.get(name)?.history ?? [];
      const known = this.#table.get(digest) ?? rollbackTarget(history, digest)?.version;
      if (known === undefined) throw new EspalierError('ADAPTER_VERSION_UNKNOWN', { what: name, version: digest });
      const began = this.#clock.now();
      const served = await this.#inPlaceOf(name, this.#table.recall(name, known));
      this.#moveTo(served, { name, began, ...options });
      return served.version;
    });
  }

  /**
   * Points a name to an earlier version: the one before the present one, or any version of its history. A further call without `to` goes
   * further back.
   * @throws EspalierError ADAPTER_NOT_FOUND, ADAPTER_VERSION_CONFLICT, ADAPTER_PINNED, ADAPTER_NO_EARLIER_VERSION,
   *   ADAPTER_VERSION_UNKNOWN, ADAPTER_SOURCE_CHANGED and the errors of reading. Nothing was changed then.
   */
  rollback(name: string, { to, ...options }: RollbackOptions = {}): Promise<AdapterVersion> {
    return this.#turns.take(name, async () => {
      const { history } = this.#aliases.expect(name, options);
      const present = to === undefined ? undefined : this.#unmoved(name, to, options);
      if (present !== undefined) return present;
      this.#aliases.assertMovable(name, options);
      const target = rollbackTarget(history, to);
      if (target === undefined && to !== undefined) {
        throw new EspalierError('ADAPTER_VERSION_UNKNOWN', { what: name, version: to });
      }
      if (target === undefined) throw new EspalierError('ADAPTER_NO_EARLIER_VERSION', { name });
      const began = this.#clock.now();
      const served = await this.#inPlaceOf(name, this.#table.recall(name, target.version));
      this.#moveTo(served, { name, target, began, ...options });
      return served.version;
    });
  }

  /**
   * The version to which a roll-back would lead; undefined if there is none.
   * @throws EspalierError ADAPTER_NOT_FOUND
   */
  versionBefore(name: string): string | undefined {
    return rollbackTarget(this.#aliases.find(name).history)?.version.digest;
  }

  /**
   * Adds moves that earlier processes made, the latest first, to the history of a name, once.
   * @throws EspalierError ADAPTER_NOT_FOUND, and the errors of `read`
   */
  async addEarlier(name: string, read: () => Promise<readonly EarlierMove[]>): Promise<void> {
    if (this.#aliases.find(name).hasEarlier) return;
    const earlier = await read();
    const { history = [], hasEarlier = true } = this.#aliases.get(name) ?? {};
    if (hasEarlier) return;
    const moves = earlier.map(({ known, time, ...cause }) => ({ ...cause, time, version: recordOf(known) }));
    this.#aliases.update(name, { history: withEarlier(history, moves, this.#historyLimit), hasEarlier: true });
  }

  /**
   * The version of a name that has it already.
   * @returns undefined if the name must move, and may
   */
  #unmoved(name: string, digest: string, options: MoveOptions): VersionRecord | undefined {
    const present = this.#aliases.serving(name);
    if (present?.digest !== digest || options.isNew === true) {
      this.#aliases.assertMovable(name, options);
      return undefined;
    }
    this.#aliases.expect(name, options);
    return present;
  }

  /** Points the name to a version that is held for it. */
  #moveTo(served: Served<VersionRecord>, moving: Moving): void {
    this.#names.point(served, moving);
  }

  /**
   * Removes a name with its history. Requests that have begun finish.
   * @throws EspalierError ADAPTER_NOT_FOUND, ADAPTER_VERSION_CONFLICT, ADAPTER_PINNED
   */
  unload(name: string, options: MoveOptions = {}): Promise<void> {
    return this.#turns.take(name, () => {
      this.#aliases.expect(name, options);
      this.#aliases.assertMovable(name, options);
      this.#names.remove(name, options.cause);
      return Promise.resolve();
    });
  }

  /**
   * Registers a name for an adapter that has not been read yet. `readAnnounced` reads it, or the first request for it does.
   * @throws EspalierError ADAPTER_ALREADY_LOADED
   */
  announce(name: string, source: AdapterSource): void {
    if (this.#aliases.has(name)) throw new EspalierError('ADAPTER_ALREADY_LOADED', { name, version: 'announced' });
    this.#aliases.set(name, { source, created: unixSeconds(), state: { kind: 'pending' } });
  }

  /** Records that an announced adapter cannot be served. Requests for it get the error. Other adapters are not affected. */
  fail(name: string, source: AdapterSource, error: unknown): void {
    this.#aliases.set(name, { source, created: unixSeconds(), state: { kind: 'failed', error } });
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
      const began = this.#clock.now();
      try {
        this.#moveTo(await this.#table.bring(source, { name, isUrgent }), { name, source, began });
      } catch (error) {
        this.fail(name, source, error);
      }
    });
  }

  /**
   * Brings a version that need not have a name yet, so that it can be tried before requests get it. It is kept until the trial is
   * disposed; a name that adopts it meanwhile does not read it again. Then the place from which it was tried is forgotten.
   * @throws EspalierError the errors of the source and of the arena's `check`
   */
  trial(name: string, from: SourcedAdapter | AdapterSource): Promise<AdapterTrial<Weights>> {
    return beginTrial(this.#table, name, sourceOf(from));
  }

  /**
   * Looks a name up and leases its version, synchronously. Dispose the lease after the last answer.
   * @throws EspalierError ADAPTER_NOT_FOUND, ADAPTER_BEING_READ, ADAPTER_DRAINING, or the error that was recorded by `fail`
   */
  acquire(name: string): AdapterLease<Weights> {
    const alias = this.#aliases.find(name);
    this.drains.assertTaking(alias);
    return this.#table.lease(name, servedBy(alias), alias.use);
  }

  /** Like `acquire`, but first reads an adapter that was only announced. */
  async lease(name: string): Promise<AdapterLease<Weights>> {
    const alias = this.#aliases.find(name);
    this.drains.assertTaking(alias);
    if (alias.state.kind === 'pending') await this.#read(name, { isUrgent: true });
    return this.acquire(name);
  }

  /** Leases a version of a name by the beginning of its digest, as `leaseVersion` says. */
  leaseVersion(name: string, beginning: string): Promise<AdapterLease<Weights>> {
    return leaseVersion(this, name, beginning);
  }

  has(name: string): boolean {
    return this.#aliases.has(name);
  }

  /** In the order of loading. The same array until a name changes. */
  list(): readonly AdapterInfo[] {
    return this.#aliases.list();
  }

  /** @throws EspalierError ADAPTER_NOT_FOUND */
  info(name: string): AdapterInfo {
    return this.#aliases.info(name);
  }

  /** Every version that is named, leased, pinned or being loaded. */
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

  /** Where the weights of a version lie in host memory; undefined if they are not there, or have no addresses. */
  shards(digest: string): readonly Shard[] | undefined {
    return this.#table.memory.look(digest)?.shards?.();
  }

  /** Releases the weights of versions of a store that were not used for `idleMs`. The owner calls it from time to time. */
  releaseIdle(): void {
    this.#table.memory.releaseIdle();
  }

  /** Tells of leases that should have been returned (`lease`). The owner calls it from time to time. */
  tellOverdueLeases(): void {
    this.#table.leases.look(this.#table.list(), (name) => this.#aliases.get(name)?.isDraining === true);
  }

  /** Frees the weights. Weights that are held are freed when their holds end. */
  dispose(): void {
    this.#isDisposed = true;
    this.pins.dispose();
    this.#table.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
