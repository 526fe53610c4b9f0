import { basename, dirname, join, relative } from 'node:path';
import { EspalierError, isAdapterName } from '../../core/index.ts';
import { type DiskCalls, onDisk } from '../../native/index.ts';
import type { Layout } from '../files/layout.ts';
import type { SharedFlush } from '../files/shared-flush.ts';
import type { StoreFiles } from '../files/store-files.ts';
import { isVersionKey } from '../versions/stored-version.ts';

/** What lies at a name in `active`. */
export type ActiveEntry =
  | { readonly kind: 'version'; readonly key: string }
  /** Something that is no link to a version. */
  | { readonly kind: 'strange'; readonly found: string };

/** The folder `active`: a symbolic link for each served name. A link is replaced in one step, so that it is there at every moment. */
export class ActiveLinks {
  readonly #layout: Layout;
  readonly #files: StoreFiles;
  readonly #flushes: SharedFlush;
  readonly #onFolder: (path: string) => void;
  #count = 0;

  /** @param onFolder  called with each folder of names before it is listed */
  constructor(
    layout: Layout,
    files: StoreFiles,
    {
      flushes,
      onFolder = () => undefined,
    }: { readonly flushes: SharedFlush; readonly onFolder?: (path: string) => void },
  ) {
    this.#layout = layout;
    this.#files = files;
    this.#flushes = flushes;
    this.#onFolder = onFolder;
  }

  /** Every entry, by the name of its adapter. Names that no adapter can have are left out. */
  async list(): Promise<Map<string, ActiveEntry>> {
    const entries = new Map<string, ActiveEntry>();
    await this.#listInto(entries, '');
    return entries;
  }

  async #listInto(entries: Map<string, ActiveEntry>, prefix: string): Promise<void> {
    const folder = join(this.#layout.active, prefix);
    if (prefix !== '') this.#onFolder(folder);
    const names: string[] = [];
    for (const entry of await onDisk('listed', folder)) {
      const name = `${prefix}${entry.name}`;
      if (entry.name.startsWith('.') || !isAdapterName(name)) continue;
      // A folder is the first part of names such as org/name.
      if (entry.kind === 'folder' && prefix === '') await this.#listInto(entries, `${name}/`);
      else names.push(name);
    }
    for (const [index, entry] of (await this.at(names)).entries()) {
      if (entry !== undefined) entries.set(names[index] ?? '', entry);
    }
  }

  /** @returns undefined if the name has no entry */
  async find(name: string): Promise<ActiveEntry | undefined> {
    const [entry] = await this.at([name]);
    return entry;
  }

  /** What lies at each of several names; undefined where there is nothing. */
  async at(names: readonly string[]): Promise<(ActiveEntry | undefined)[]> {
    const found = await onDisk(
      'linkTargets',
      names.map((name) => this.#pathOf(name)),
    );
    return names.map((name, index) => this.#entryOf(name, found[index] ?? 'nothing'));
  }

  #entryOf(name: string, found: ReturnType<DiskCalls['linkTargets']>[number]): ActiveEntry | undefined {
    if (found === 'nothing') return undefined;
    if (found === 'no link') return { kind: 'strange', found: 'it is no symbolic link' };
    const { target } = found;
    const key = basename(target);
    return target === this.#targetOf(name, key) && isVersionKey(key)
      ? { kind: 'version', key }
      : { kind: 'strange', found: `it is a link to ${target}` };
  }

  #pathOf(name: string): string {
    return join(this.#layout.active, name);
  }

  #targetOf(name: string, key: string): string {
    return join(relative(dirname(this.#pathOf(name)), this.#layout.store), key);
  }

  /**
   * Points a name to a version. Must be called in the name's turn.
   *
   * @param expected  the version to which the name points; undefined: none
   * @throws EspalierError ADAPTER_VERSION_CONFLICT if another program has changed the link since. Nothing was changed then.
   */
  async point(name: string, key: string, expected: string | undefined): Promise<void> {
    const path = this.#pathOf(name);
    const fresh = join(this.#layout.staging, `link-${this.#count++}`);
    await this.#createParent(name);
    try {
      await this.#put(fresh, path, { name, key, expected });
      // WHY inside: a change that may not last is taken back.
      await this.#flushes
        .flush(dirname(path))
        .catch((error: unknown) => this.#takeBack(fresh, path, { expected, error }));
    } finally {
      if (expected !== undefined) await this.#files.removeTree(fresh).catch(() => undefined);
    }
  }

  async #takeBack(
    fresh: string,
    path: string,
    { expected, error }: { readonly expected: string | undefined; readonly error: unknown },
  ): Promise<never> {
    if (expected === undefined) await this.#files.unlink(path);
    else await this.#files.exchange(fresh, path);
    throw error;
  }

  async #createParent(name: string): Promise<void> {
    if (!name.includes('/')) return;
    await this.#files.createFolder(dirname(this.#pathOf(name))).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
  }

  async #put(
    fresh: string,
    path: string,
    { name, key, expected }: { readonly name: string; readonly key: string; readonly expected: string | undefined },
  ): Promise<void> {
    const target = this.#targetOf(name, key);
    if (expected === undefined) {
      return this.#files.link(target, path).catch(async (error: NodeJS.ErrnoException) => {
        throw error.code === 'EEXIST' ? await this.#conflict(name, 'none') : error;
      });
    }
    const [, isExchanged] = await this.#files.inOrder([
      ['link', target, fresh],
      ['exchange', fresh, path],
    ]);
    if (isExchanged === false) {
      const found = await this.find(name);
      if (found?.kind !== 'version' || found.key !== expected) throw await this.#conflict(name, expected);
      // Without an exchange a program that changes the link between the look and this loses its change.
      return this.#files.rename(fresh, path);
    }
    const before = await onDisk('linkTarget', fresh).catch(() => undefined);
    if (before === this.#targetOf(name, expected)) return;
    await this.#files.exchange(fresh, path);
    throw await this.#conflict(name, expected);
  }

  async #conflict(name: string, expected: string): Promise<EspalierError> {
    const found = await this.find(name);
    const actual = found === undefined ? 'none' : found.kind === 'version' ? found.key : found.found;
    return new EspalierError('ADAPTER_VERSION_CONFLICT', { name, expected, actual });
  }

  /** Removes the link of a name, if it still has one. Must be called in the name's turn. `flush` makes it last. */
  async remove(name: string): Promise<void> {
    const found = await this.find(name);
    if (found?.kind === 'version') await this.#files.unlink(this.#pathOf(name));
  }

  /** Resolves when the link of a name, or that it has none, would survive a power failure. */
  async flush(name: string): Promise<void> {
    await this.#flushes.flush(dirname(this.#pathOf(name)));
  }
}
