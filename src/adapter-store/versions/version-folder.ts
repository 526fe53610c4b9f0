import { readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { EspalierError } from '../../core/index.ts';
import { onDisk } from '../../native/index.ts';
import type { Layout } from '../files/layout.ts';
import type { SharedFlush } from '../files/shared-flush.ts';
import type { Change, StoreFiles } from '../files/store-files.ts';
import { digestOfKey, factsFile, formatFacts, isVersionKey, parseFacts, type StoredVersion } from './stored-version.ts';

/** The folder `store`, in which each verified version has a folder that never changes. */
export class VersionFolder {
  readonly #layout: Layout;
  readonly #files: StoreFiles;
  readonly #flushes: SharedFlush;

  constructor(layout: Layout, files: StoreFiles, flushes: SharedFlush) {
    this.#layout = layout;
    this.#files = files;
    this.#flushes = flushes;
  }

  folderOf(key: string): string {
    return join(this.#layout.store, key);
  }

  /** @throws EspalierError STORE_VERSION_UNKNOWN, ADAPTER_FACTS_INVALID */
  async facts(key: string): Promise<StoredVersion> {
    const folder = this.folderOf(key);
    const text = await onDisk('readText', join(folder, factsFile)).catch((cause: unknown) => {
      throw new EspalierError('STORE_VERSION_UNKNOWN', { version: key }, { cause });
    });
    return parseFacts(text, { key, folder });
  }

  /** The facts, or undefined where there is no such version that can be used. */
  async find(key: string): Promise<StoredVersion | undefined> {
    return this.facts(key).catch(() => undefined);
  }

  /** The keys of all versions. */
  async keys(): Promise<string[]> {
    return (await readdir(this.#layout.store)).filter(isVersionKey);
  }

  /**
   * The key for a digest, or for a key itself.
   * @throws EspalierError STORE_VERSION_UNKNOWN if there is none, or if several versions differ in their tokenizers alone
   */
  async keyOf(digestOrKey: string): Promise<string> {
    const keys = await this.keys();
    if (keys.includes(digestOrKey)) return digestOrKey;
    const [key, second] = keys.filter((each) => digestOfKey(each) === digestOrKey);
    if (key === undefined || second !== undefined)
      throw new EspalierError('STORE_VERSION_UNKNOWN', { version: digestOrKey });
    return key;
  }

  /**
   * Gives a finished folder its place in the store. Everything in it has been flushed.
   * @returns the version, if the store has it already. The folder then stays where it is
   */
  async publish(staging: string, key: string): Promise<StoredVersion | undefined> {
    const folder = this.folderOf(key);
    // WHY the mode after the renaming: a folder that cannot be written to cannot be moved to another folder either.
    const finish: Change = ['setMode', folder, 0o555];
    const [isMoved] = await this.#files.inOrder([['renameToFree', staging, folder], finish]);
    if (isMoved === false) {
      const known = await this.find(key);
      if (known !== undefined) return known;
      // What has the place cannot be used: its record is damaged or missing.
      if (await this.#files.exchange(staging, folder)) await this.#files.removeTree(staging);
      else {
        await this.#files.removeTree(folder);
        await this.#files.rename(staging, folder);
      }
      await this.#files.inOrder([finish]);
    }
    await this.#flushes.flush(this.#layout.store);
    return undefined;
  }

  /** Replaces the record of a version that was verified again. */
  async replaceFacts(version: StoredVersion): Promise<void> {
    const folder = this.folderOf(version.key);
    const content = version.path === folder ? undefined : basename(version.path);
    const fresh = join(this.#layout.staging, `facts-${version.key}`);
    await this.#files.removeTree(fresh);
    await this.#files.createFile(fresh, formatFacts(version, content));
    await this.#files.setMode(fresh, 0o444);
    await this.#files.setMode(folder, 0o755);
    await this.#files.rename(fresh, join(folder, factsFile));
    await this.#files.setMode(folder, 0o555);
  }

  /** Removes a version. No name may point to it. */
  async remove(key: string): Promise<void> {
    const gone = join(this.#layout.staging, `gone-${key}`);
    await this.#files.setMode(this.folderOf(key), 0o755);
    await this.#files.removeTree(gone);
    await this.#files.rename(this.folderOf(key), gone);
    await this.#files.removeTree(gone);
  }
}
