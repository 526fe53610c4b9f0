import { lstat, mkdir } from 'node:fs/promises';
import { relative, resolve, sep } from 'node:path';
import {
  EspalierError,
  isAdapterName,
  adapterNameForm,
  publishAdapterEvent,
  systemClock,
  type Cause,
} from '../core/index.ts';
import type { Adapter } from '../lora/index.ts';
import { onDisk } from '../native/index.ts';
import { Admission } from './admission.ts';
import { ActiveLinks } from './active/active-links.ts';
import { PinnedNames } from './active/pinned-names.ts';
import { ServedNames, type ActivateOptions } from './active/served-names.ts';
import type { Layout } from './files/layout.ts';
import { SharedFlush } from './files/shared-flush.ts';
import { Arrivals, inWords } from './incoming/arrivals.ts';
import { Intake } from './incoming/intake.ts';
import { openEntry, type OpenEntry } from './incoming/look-at-entry.ts';
import { openParts, type OpenedParts } from './open-parts.ts';
import { QuarantineFolder } from './quarantine/quarantine-folder.ts';
import { QuarantineKeeper } from './quarantine/quarantine-keeper.ts';
import type { StoreOptions, StoreUser } from './store-options.ts';
import { systemTimers, type Timers } from './timers.ts';
import type { StoredVersion } from './versions/stored-version.ts';
import { SignatureFolder } from './versions/signature-folder.ts';
import { VersionFolder } from './versions/version-folder.ts';
import { VersionHistory, type HistoryEntry } from './versions/version-history.ts';
import { VersionMaker } from './versions/version-maker.ts';
import { ChangeFollower, type Changed } from './watch/change-follower.ts';

export interface PutOptions extends ActivateOptions {
  /** Whether the name is pointed to the version. Default: true. */
  readonly isActivated?: boolean | undefined;
}

/** What runs while a server uses the store. */
interface Running<Read extends Adapter> {
  readonly user: StoreUser<Read>;
  readonly names: ServedNames<Read>;
  readonly maker: VersionMaker<Read>;
  readonly admission: Admission;
}

const defaultKeep = 10;

/**
 * A folder in which adapters come and go while a server runs. See docs/hot-plug.md.
 *
 * `open` gives what is known without reading an adapter. `begin` then serves what is active, and follows what happens in the folder.
 */
export class AdapterStore<Read extends Adapter = Adapter> implements AsyncDisposable {
  readonly #options: StoreOptions;
  readonly #opened: OpenedParts;
  readonly #layout: Layout;
  readonly #timers: Timers;
  readonly #now: () => number;
  readonly #versions: VersionFolder;
  readonly #links: ActiveLinks;
  readonly #history: VersionHistory;
  /** Names that a server keeps at their versions. */
  readonly pins: PinnedNames;
  readonly #quarantine: QuarantineFolder;
  readonly #keeper: QuarantineKeeper | undefined;
  #running: Running<Read> | undefined;
  #arrivals: Arrivals | undefined;
  #intake: Intake | undefined;
  #follower: ChangeFollower | undefined;
  #isEnded = false;

  private constructor(options: StoreOptions, opened: OpenedParts) {
    const { layout, files } = opened;
    this.#options = options;
    this.#opened = opened;
    this.#layout = layout;
    this.#timers = options.timers ?? systemTimers;
    this.#now = options.now ?? Date.now;
    const flushes = new SharedFlush(files);
    this.#versions = new VersionFolder(layout, files, flushes);
    this.#links = new ActiveLinks(layout, files, { flushes, onFolder: (path) => this.#follower?.watch(path) });
    this.#history = new VersionHistory(layout, files);
    this.pins = new PinnedNames(layout, files);
    this.#quarantine = new QuarantineFolder(layout, files);
    const watching = { quarantine: this.#quarantine, timers: this.#timers, now: this.#now };
    const { quarantineKeep: bounds } = options;
    this.#keeper = bounds && new QuarantineKeeper({ ...watching, bounds });
  }

  /**
   * Locks the store, creates what is missing, and removes what a stopped process left half done.
   * @throws EspalierError STORE_BUSY, and the errors of the file system
   */
  static async open<Read extends Adapter>(options: StoreOptions): Promise<AdapterStore<Read>> {
    return new AdapterStore<Read>(options, await openParts(options));
  }

  /** The facts of the versions to which the links in `active` lead, as far as they can be read. */
  async activeVersions(): Promise<StoredVersion[]> {
    const found = [...(await this.#links.list()).values()];
    const keys = [...new Set(found.flatMap((entry) => (entry.kind === 'version' ? [entry.key] : [])))];
    const versions: (StoredVersion | undefined)[] = [];
    for (let start = 0; start < keys.length; start += readAtOnce) {
      const some = keys.slice(start, start + readAtOnce).map((key) => this.#versions.find(key));
      versions.push(...(await Promise.all(some)));
    }
    return versions.filter((version) => version !== undefined);
  }

  /**
   * Serves what is active, and begins to follow the folder. What lies in `incoming` is taken in afterwards.
   * @throws the errors of the file system
   */
  async begin(user: StoreUser<Read>): Promise<void> {
    const { layout, files } = this.#opened;
    const signatures = new SignatureFolder(layout, files);
    const admission = new Admission({ quarantine: this.#quarantine, signatures, authority: user.authority });
    const maker = new VersionMaker<Read>({
      ...this.#opened,
      versions: this.#versions,
      user,
      signatures,
      now: this.#now,
    });
    const names = new ServedNames<Read>({
      layout,
      links: this.#links,
      versions: this.#versions,
      history: this.#history,
      admission,
      user,
      usable: (name, key) => maker.usable(name, key),
      keep: this.#options.keep ?? defaultKeep,
      now: this.#now,
    });
    this.#running = { user, names, maker, admission };
    this.#intake = this.#createIntake();
    this.#follower = await this.#createFollower();
    await names.follow();
    this.#follower.look();
    this.#keeper?.look();
  }

  #createIntake(): Intake {
    const { seen } = this.#opened;
    const arrivals = new Arrivals({
      ...this.#opened,
      quarantine: this.#quarantine,
      companions: this.#options.companions,
      now: this.#now,
      bring: async (name, opened, cause) => void (await this.#bring(name, opened, { cause })),
      onRefused: () => this.#keeper?.look(),
    });
    this.#arrivals = arrivals;
    return new Intake({
      layout: this.#layout,
      incoming: this.#layout.incoming,
      companions: this.#options.companions,
      quietMs: this.#options.quietMs,
      now: this.#now,
      clock: this.#options.clock ?? systemClock,
      timers: this.#timers,
      take: (entry, opened) => arrivals.take(entry, opened),
      refuse: (entry, refused) => arrivals.refuse(entry, refused),
      isSeen: ({ path }, signature) => seen.has(path, signature),
      onTrouble: (entry, error) => arrivals.tellTrouble(entry, error),
      watch: (path) => this.#follower?.watch(path) === true,
    });
  }

  async #createFollower(): Promise<ChangeFollower> {
    const { dir, incoming, active } = this.#layout;
    const follower = await ChangeFollower.begin({
      folders: [incoming, active],
      timers: this.#timers,
      watch: this.#options.watch ?? true,
      scanMs: this.#options.scanMs,
      look: (changed) => this.#look(changed),
      onError: (error) => this.#arrivals?.tellTrouble(undefined, error),
    });
    const reason = `the store ${dir} is open; ${follower.description}`;
    publishAdapterEvent({ event: 'store', actor: 'store', reason });
    return follower;
  }

  async #look(changed: Changed): Promise<void> {
    const { incoming, active } = this.#layout;
    const names = changed === 'anything' ? undefined : [...changed].filter((path) => path.startsWith(active + sep));
    if (changed === 'anything' || changed.has(active)) await this.#running?.names.follow();
    else if (names !== undefined) await this.#followLinks(names);
    const isIn = (path: string): boolean => path.startsWith(incoming + sep);
    const inside = changed === 'anything' ? [] : [...changed].filter(isIn);
    if (inside.length > 0) await this.#intake?.scan(new Set(inside));
    if (changed !== 'anything' && !changed.has(incoming)) return;
    await mkdir(incoming, { recursive: true });
    const paths = await this.#intake?.scan();
    if (paths !== undefined) await this.#opened.seen.keepOnly(paths);
  }

  async #followLinks(paths: readonly string[]): Promise<void> {
    const { active } = this.#layout;
    const names = new Set(paths.map((path) => relative(active, path)).filter((name) => !/(?:^|\/)\./.test(name)));
    const served = this.#running?.names;
    // What is the first part of names such as org/name, or was: its names are found by looking at everything.
    const kinds = new Map((await onDisk('entriesIn', active, [...names])).map(({ name, kind }) => [name, kind]));
    const found = [...names].map((name) => {
      const kind = kinds.get(name);
      return kind === 'folder' || (kind === undefined && served?.has(name) === false);
    });
    await served?.follow(found.includes(true) ? undefined : names);
  }

  /** Resolves when everything that was noticed so far is done, refused, or waits for time to pass. */
  async settled(): Promise<void> {
    await this.#follower?.settled();
    await this.#intake?.settled();
    await this.#keeper?.settled();
    await this.#opened.audit.settled();
  }

  /** Stores and activates the open files of an adapter. */
  async #bring(name: string, opened: OpenEntry, options: PutOptions): Promise<StoredVersion> {
    const { user, names, maker } = this.#started;
    const version = await maker.make(name, opened);
    const { isActivated = true } = options;
    if (!isActivated || (await user.arrived?.(name, version)) === 'keep') return version;
    await names.activate(name, version, options);
    return version;
  }

  /**
   * Stores a copy of an adapter's folder or file, and activates it. The original is not changed. It must not change meanwhile.
   * @throws EspalierError STORE_NAME_INVALID, FILE_NOT_FOUND, ADAPTER_VERSION_CONFLICT, and the errors of verification. Nothing is activated
   *   then.
   */
  async put(name: string, path: string, options: PutOptions = {}): Promise<StoredVersion> {
    assertName(name);
    const isLink = (await lstat(path).catch(() => undefined))?.isSymbolicLink() === true;
    const { companions } = this.#options;
    const opened = await openEntry(
      { name, path, isLink },
      { incoming: resolve(path, '..'), companions, now: this.#now },
    );
    await using _source = opened.source;
    return await this.#bring(name, opened, options);
  }

  /**
   * Points a name to a version of the store.
   * @param version  its digest or its key
   * @throws EspalierError STORE_NAME_INVALID, STORE_VERSION_UNKNOWN, ADAPTER_VERSION_CONFLICT, ADAPTER_QUARANTINED. The old version is then
   *   served.
   */
  async activate(name: string, version: string, options: ActivateOptions = {}): Promise<StoredVersion> {
    assertName(name);
    const { names, maker } = this.#started;
    const usable = await maker.usable(name, await this.#versions.keyOf(version));
    await names.activate(name, usable, options);
    return usable;
  }

  /**
   * The facts of a version, which is verified again if it was verified against something else.
   * @param version  its digest or its key
   * @returns undefined if the store does not have it
   * @throws the errors of verification
   */
  async find(version: string): Promise<StoredVersion | undefined> {
    const { maker } = this.#started;
    const key = await this.#versions.keyOf(version).catch(() => undefined);
    return key === undefined ? undefined : maker.usable(version, key);
  }

  /**
   * @param digest  of a version to which a name is about to be pointed
   * @throws EspalierError ADAPTER_QUARANTINED, ADAPTER_REVOKED, and why nobody who may do so vouches for it
   */
  async assertFree(name: string, digest: string): Promise<void> {
    const { admission } = this.#started;
    await admission.assertFree(name, await this.#versions.keyOf(digest).catch(() => digest));
  }

  /**
   * The part of `assertFree` that the policy decides.
   * @throws EspalierError ADAPTER_REVOKED, and why nobody who may do so vouches for it
   */
  async assertVouched(name: string, digest: string): Promise<void> {
    const { admission } = this.#started;
    await admission.assertVouched(name, await this.#versions.keyOf(digest).catch(() => digest));
  }

  /** Asks again of every name whether it may be served as it is, because the policy has changed. Never rejects: what fails is told. */
  admitAgain(): Promise<void> {
    return this.#started.names.admitAgain();
  }

  /** Whether a version is in quarantine under a name. Whether it may be used for other reasons is not asked. */
  isQuarantined(name: string, digest: string): Promise<boolean> {
    return this.#quarantine.has(name, digest);
  }

  /** Takes a quarantine of a version back: it may be used under the name again. */
  async clear(name: string, digest: string): Promise<void> {
    await this.#quarantine.clear(name, digest);
  }

  /**
   * Keeps what a server has done by itself: it points the name to a version, or with undefined to none.
   * @param version  its digest or its key
   * @throws EspalierError STORE_VERSION_UNKNOWN, ADAPTER_QUARANTINED, STORE_ENTRY_STRANGE. Nothing was changed then.
   */
  async remember(name: string, version: string | undefined, cause: Cause = { actor: 'store' }): Promise<void> {
    const { names } = this.#started;
    const facts = version === undefined ? undefined : await this.#versions.facts(await this.#versions.keyOf(version));
    await names.remember(name, facts, cause);
  }

  /** A folder on the disk of the store for files on their way to it. What is left in it is removed when the store is opened. */
  get staging(): string {
    return this.#layout.staging;
  }

  /**
   * Takes a name out of service. Its versions stay in the store.
   * @returns whether it was served
   * @throws EspalierError ADAPTER_VERSION_CONFLICT
   */
  withdraw(name: string, options: ActivateOptions = {}): Promise<boolean> {
    return this.#started.names.withdraw(name, options);
  }

  /**
   * Keeps a version from being used under a name again, until somebody removes the folder that is made for it. If the name points to it,
   * the name goes back to the version before, or out of service if there is none.
   * @returns what the name points to now
   */
  async quarantine(
    name: string,
    version: string,
    { error, cause = { actor: 'store' } }: { readonly error: unknown; readonly cause?: Cause | undefined },
  ): Promise<StoredVersion | undefined> {
    assertName(name);
    const { names } = this.#started;
    const key = await this.#versions.keyOf(version);
    const { digest } = await this.#versions.facts(key);
    const time = new Date(this.#now()).toISOString();
    await this.#quarantine.take({ name, ...inWords(error), time, digest, isBlocked: true });
    publishAdapterEvent({ event: 'quarantine', ...cause, name, version: digest, error });
    return names.leave(name, digest, cause);
  }

  /** The served versions by name. */
  list(): ReadonlyMap<string, StoredVersion> {
    return this.#started.names.list();
  }

  /** The versions that a name has had, the newest first, as far as they are kept. */
  history(name: string): Promise<readonly HistoryEntry[]> {
    return this.#history.of(name);
  }

  get #started(): Running<Read> {
    if (this.#running !== undefined && !this.#isEnded) return this.#running;
    throw new EspalierError('DISPOSED', { name: `the store ${this.#layout.dir}` });
  }

  /** Finishes what has begun, and stops following the folder. The names stay as they are. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isEnded) return;
    await this.#follower?.[Symbol.asyncDispose]();
    await this.#intake?.end();
    await this.#keeper?.[Symbol.asyncDispose]();
    this.#isEnded = true;
    const { subscription, audit, lock } = this.#opened;
    subscription[Symbol.dispose]();
    await audit[Symbol.asyncDispose]();
    await lock[Symbol.asyncDispose]();
  }
}

/** Versions whose records are read at once. */
const readAtOnce = 64;

function assertName(name: string): void {
  if (!isAdapterName(name)) throw new EspalierError('STORE_NAME_INVALID', { name, expected: adapterNameForm });
}
