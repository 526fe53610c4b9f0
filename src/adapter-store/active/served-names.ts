import { EspalierError, isAdapterName, publishAdapterEvent, Turns, type Cause } from '../../core/index.ts';
import type { Adapter } from '../../lora/index.ts';
import type { Layout } from '../files/layout.ts';
import { join } from 'node:path';
import type { Admission } from '../admission.ts';
import { signerDetails } from '../signer-details.ts';
import type { StoreUser } from '../store-options.ts';
import type { Vouched } from '../../trust/index.ts';
import { digestOfKey, type StoredVersion } from '../versions/stored-version.ts';
import type { VersionFolder } from '../versions/version-folder.ts';
import type { VersionHistory } from '../versions/version-history.ts';
import type { ActiveEntry, ActiveLinks } from './active-links.ts';

export interface ActivateOptions {
  /** Refuse with ADAPTER_VERSION_CONFLICT unless the name points to this version (its digest); `none`: to no version. */
  readonly expected?: string | undefined;
  readonly cause?: Cause | undefined;
}

export interface ServedNamesOptions<Read extends Adapter> {
  readonly layout: Layout;
  readonly links: ActiveLinks;
  readonly versions: VersionFolder;
  readonly history: VersionHistory;
  readonly admission: Pick<Admission, 'assertFree' | 'assertVouched' | 'forget'>;
  readonly user: StoreUser<Read>;
  /** The facts of a version, which is verified again if it has to be. */
  readonly usable: (name: string, key: string) => Promise<StoredVersion>;
  readonly keep: number;
  readonly now: () => number;
}

interface Served {
  /** undefined if what lies in `active` under this name cannot be served, and nothing was before. */
  readonly version: StoredVersion | undefined;
  /** What lay in `active` when it was last looked at. */
  readonly entry: string;
}

/** Who points a name, and who vouches for the version. */
interface Pointing extends Cause {
  readonly vouched: Vouched | undefined;
}

/** Names that are looked at together at a start. */
const namesAtOnce = 64;

const byHand: Cause = { actor: 'store', reason: 'the folder active was changed' };
const byPolicy: Cause = { actor: 'store', reason: 'the policy was changed' };

/**
 * The names that are served, and the links in `active` that say so. A link is moved first, and the server then follows. If the server
 * cannot, the link is moved back. Changes of one name happen one after the other.
 */
export class ServedNames<Read extends Adapter> {
  readonly #options: ServedNamesOptions<Read>;
  readonly #turns = new Turns();
  readonly #served = new Map<string, Served>();
  /** Whether the server has followed what was active at the start. */
  #hasFollowed = false;

  constructor(options: ServedNamesOptions<Read>) {
    this.#options = options;
  }

  get(name: string): StoredVersion | undefined {
    return this.#served.get(name)?.version;
  }

  /** Whether the name is served, or was found and cannot be. */
  has(name: string): boolean {
    return this.#served.has(name);
  }

  /** The served versions by name. */
  list(): Map<string, StoredVersion> {
    return new Map(
      [...this.#served].flatMap(([name, { version }]) => (version === undefined ? [] : [[name, version] as const])),
    );
  }

  /**
   * Points a name to a version of the store.
   * @returns the version before; undefined if there was none
   * @throws EspalierError ADAPTER_VERSION_CONFLICT, ADAPTER_QUARANTINED, STORE_ENTRY_STRANGE, and the errors of the user. The old version
   *   is then served.
   */
  activate(name: string, version: StoredVersion, options: ActivateOptions = {}): Promise<StoredVersion | undefined> {
    return this.#turns.take(name, () => this.#activate(name, version, options));
  }

  async #activate(
    name: string,
    version: StoredVersion,
    { expected, cause = { actor: 'store' } }: ActivateOptions,
  ): Promise<StoredVersion | undefined> {
    const { links, user, admission } = this.#options;
    const before = this.get(name);
    // WHY beside each other: both only look. What is expected says more than what is forbidden.
    const [looked, admitted] = await Promise.allSettled([links.find(name), admission.assertFree(name, version.key)]);
    if (looked.status === 'rejected') throw looked.reason;
    const { value: found } = looked;
    this.#expect(name, { expected, found });
    if (admitted.status === 'rejected') throw admitted.reason;
    const { value: vouched } = admitted;
    const previous = found?.kind === 'version' ? found.key : undefined;
    if (previous === version.key && before?.key === version.key) return before;
    if (previous !== version.key) await links.point(name, version.key, previous);
    try {
      await user.activated(name, { version, cause });
    } catch (error) {
      if (previous === undefined) await links.remove(name);
      else if (previous !== version.key) await links.point(name, previous, version.key);
      throw error;
    }
    await this.#pointed(name, version, { ...cause, vouched });
    return before;
  }

  #expect(
    name: string,
    { expected, found }: { readonly expected: string | undefined; readonly found: ActiveEntry | undefined },
  ): void {
    if (found?.kind === 'strange') throw this.#strange(name, found.found);
    const actual = found === undefined ? 'none' : digestOfKey(found.key);
    if (expected === undefined || expected === actual || expected === found?.key) return;
    throw new EspalierError('ADAPTER_VERSION_CONFLICT', { name, expected, actual });
  }

  #strange(name: string, found: string): EspalierError {
    return new EspalierError('STORE_ENTRY_STRANGE', { path: join(this.#options.layout.active, name), found });
  }

  /** WHY no error: the version is served, and the history only decides what is kept. */
  async #remember(name: string, { key }: StoredVersion): Promise<void> {
    const { history, keep, now } = this.#options;
    const forgotten = await history.add(name, { key, time: new Date(now()).toISOString() }, keep).catch(() => []);
    for (const old of forgotten) await this.#removeUnused(old).catch(() => undefined);
  }

  async #removeUnused(key: string): Promise<void> {
    const { history, user, versions, links, admission } = this.#options;
    if (user.isInUse?.(digestOfKey(key)) === true || (await history.has(key))) return;
    const active = await links.list();
    if ([...active.values()].some((entry) => entry.kind === 'version' && entry.key === key)) return;
    await versions.remove(key);
    await admission.forget(key);
  }

  /**
   * Points a name to a version that the server has moved it to already; undefined: to none.
   * @throws EspalierError ADAPTER_QUARANTINED, STORE_ENTRY_STRANGE, and the errors of the file system. Nothing was changed then.
   */
  remember(name: string, version: StoredVersion | undefined, cause: Cause): Promise<void> {
    return this.#turns.take(name, async () => {
      const { links, admission } = this.#options;
      const found = await links.find(name);
      this.#expect(name, { expected: undefined, found });
      if (version === undefined) {
        await links.remove(name);
        this.#served.delete(name);
        return links.flush(name);
      }
      const vouched = await admission.assertFree(name, version.key);
      const previous = found?.kind === 'version' ? found.key : undefined;
      if (previous !== version.key) await links.point(name, version.key, previous);
      await this.#pointed(name, version, { ...cause, vouched });
    });
  }

  async #pointed(name: string, version: StoredVersion, { actor, reason, vouched }: Pointing): Promise<void> {
    const previous = this.get(name)?.digest;
    this.#served.set(name, { version, entry: version.key });
    publishAdapterEvent({
      event: 'publish',
      name,
      version: version.digest,
      actor,
      ...(previous !== undefined && { previous }),
      ...(reason !== undefined && { reason }),
      ...signerDetails(vouched),
    });
    await this.#remember(name, version);
  }

  /**
   * Takes a name out of service.
   * @returns whether it was served
   * @throws EspalierError ADAPTER_VERSION_CONFLICT
   */
  withdraw(name: string, { expected, cause = { actor: 'store' } }: ActivateOptions = {}): Promise<boolean> {
    return this.#turns.take(name, async () => {
      this.#expect(name, { expected, found: await this.#options.links.find(name) });
      return this.#withdraw(name, cause);
    });
  }

  /** WHY the server follows before the flush: where that fails, the link is gone all the same. */
  async #withdraw(name: string, cause: Cause): Promise<boolean> {
    const { links } = this.#options;
    const found = await links.find(name);
    await links.remove(name);
    try {
      return await this.#forget(name, cause);
    } catch (error) {
      // The server keeps the name, because it is pinned.
      if (found?.kind === 'version') await links.point(name, found.key, undefined);
      throw error;
    } finally {
      await links.flush(name);
    }
  }

  /**
   * Takes a version away from a name that points to it: the name goes back to the newest version before that can be used, or out of
   * service.
   * @returns what the name points to now
   */
  leave(name: string, digest: string, cause: Cause): Promise<StoredVersion | undefined> {
    return this.#turns.take(name, async () => {
      const found = await this.#options.links.find(name);
      if (found?.kind === 'version' && digestOfKey(found.key) === digest) await this.#goBack(name, digest, cause);
      return this.get(name);
    });
  }

  async #goBack(name: string, digest: string, cause: Cause): Promise<void> {
    const { history, usable } = this.#options;
    for (const { key } of await history.of(name)) {
      if (digestOfKey(key) === digest) continue;
      try {
        return void (await this.#activate(name, await usable(name, key), { cause }));
      } catch {
        // It is in quarantine too, or cannot be served any more.
      }
    }
    // WHY in any case: a version in quarantine must not answer, even where its link cannot be removed now.
    await this.#withdraw(name, cause).catch(async (error: unknown) => {
      await this.#forget(name, cause);
      throw error;
    });
  }

  async #forget(name: string, cause: Cause): Promise<boolean> {
    if (!this.#served.has(name)) return false;
    await this.#options.user.withdrawn(name, cause);
    return this.#served.delete(name);
  }

  /**
   * Makes the server follow what lies in `active`, whoever has put it there.
   * @param only  the names that are looked at; undefined: all
   */
  async follow(only?: ReadonlySet<string>): Promise<void> {
    const names =
      only === undefined ? await this.#changedNames() : await this.#changedOf([...only].filter(isAdapterName));
    for (let start = 0; start < names.length; start += namesAtOnce) {
      const some = names.slice(start, start + namesAtOnce);
      await Promise.all(some.map((name) => this.#turns.take(name, () => this.#followOne(name))));
    }
    this.#hasFollowed = true;
  }

  /** WHY a look at all of them first: most changes of links are the store's own, and each name's turn costs more than its look. */
  async #changedOf(names: readonly string[]): Promise<string[]> {
    const found = await this.#options.links.at(names);
    return names.filter((name, index) => {
      const entry = found[index];
      return entry === undefined ? this.#served.has(name) : !this.#isAsServed(name, entry);
    });
  }

  async #changedNames(): Promise<string[]> {
    const found = await this.#options.links.list();
    const gone = [...this.#served.keys()].filter((name) => !found.has(name));
    const changed = [...found].filter(([name, entry]) => !this.#isAsServed(name, entry)).map(([name]) => name);
    return [...gone, ...changed];
  }

  #isAsServed(name: string, entry: ActiveEntry): boolean {
    return this.#served.get(name)?.entry === described(entry);
  }

  /** @param changed  why it is looked at. Default: somebody has changed the folder */
  async #followOne(name: string, changed = byHand): Promise<void> {
    const { links, user, admission, usable } = this.#options;
    const entry = await links.find(name);
    if (entry === undefined) return this.#followRemoval(name);
    if (this.#isAsServed(name, entry)) return;
    // What was active when the store was opened is not new.
    const cause = this.#hasFollowed ? changed : { actor: 'store' };
    try {
      if (entry.kind === 'strange') throw this.#strange(name, entry.found);
      const vouched = await admission.assertFree(name, entry.key);
      const version = await usable(name, entry.key);
      await user.activated(name, { version, cause });
      if (this.#hasFollowed) await this.#pointed(name, version, { ...cause, vouched });
      else this.#served.set(name, { version, entry: version.key });
    } catch (error) {
      if (isQuarantined(error) && this.get(name) === undefined && entry.kind === 'version') {
        // A process was stopped between the quarantine and the way back.
        await this.#goBack(name, digestOfKey(entry.key), { actor: 'store', reason: error.message });
      } else this.#fail(name, entry, error);
    }
  }

  /**
   * Asks again of every name whether it may be served as it is. A name whose version nobody may vouch for any more goes back to the version
   * before that is allowed, or out of service. One that was refused, and is allowed now, is served.
   */
  async admitAgain(): Promise<void> {
    const names = [...this.#served.keys()];
    for (let start = 0; start < names.length; start += namesAtOnce) {
      const some = names.slice(start, start + namesAtOnce);
      await Promise.all(some.map((name) => this.#turns.take(name, () => this.#admitOne(name))));
    }
  }

  async #admitOne(name: string): Promise<void> {
    const { links, admission } = this.#options;
    const version = this.get(name);
    try {
      const entry = version === undefined ? await links.find(name) : undefined;
      const key = version?.key ?? (entry?.kind === 'version' ? entry.key : undefined);
      if (key === undefined) return;
      const refusal = await admission.assertVouched(name, key).then(
        () => undefined,
        (error: unknown) => ({ error }),
      );
      if (version === undefined && refusal === undefined) {
        this.#served.delete(name);
        return await this.#followOne(name, byPolicy);
      }
      if (version === undefined || refusal === undefined) return;
      const { digest } = version;
      publishAdapterEvent({ event: 'publish', ...byPolicy, result: 'refused', name, version: digest, ...refusal });
      await this.#goBack(name, digest, byPolicy);
    } catch (error) {
      publishAdapterEvent({ event: 'publish', ...byPolicy, name, error });
    }
  }

  /** A server may refuse, because the name is pinned. It is asked again at every look, and told of once. */
  async #followRemoval(name: string): Promise<void> {
    try {
      await this.#forget(name, byHand);
    } catch (error) {
      const served = this.#served.get(name);
      if (served?.entry === removed) return;
      this.#served.set(name, { version: served?.version, entry: removed });
      publishAdapterEvent({ event: 'publish', actor: 'store', result: 'refused', name, error });
    }
  }

  /** A version that was served before stays in use. What lies in `active` is left as it is. */
  #fail(name: string, entry: ActiveEntry, error: unknown): void {
    const version = this.get(name);
    this.#served.set(name, { version, entry: described(entry) });
    if (version === undefined) this.#options.user.failed(name, error);
    else publishAdapterEvent({ event: 'publish', actor: 'store', result: 'refused', name, error });
  }
}

/** What lies in `active` under a name that was removed there and is still served. */
const removed = 'nothing';

function isQuarantined(error: unknown): error is EspalierError {
  return EspalierError.isInstance(error) && ['ADAPTER_QUARANTINED', 'ADAPTER_REVOKED'].includes(error.code);
}

function described(entry: ActiveEntry): string {
  return entry.kind === 'version' ? entry.key : entry.found;
}
