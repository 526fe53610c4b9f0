import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { onDisk } from '../../native/index.ts';
import { flatName, nameOfFlat, type Layout } from '../files/layout.ts';
import type { StoreFiles } from '../files/store-files.ts';
import { isVersionKey } from './stored-version.ts';

/** A version that a name has had. */
export interface HistoryEntry {
  readonly key: string;
  /** When the name was last pointed to it: ISO 8601, in UTC. */
  readonly time: string;
}

const ending = '.json';

/** The folder `history`: the versions of each name, the newest first. It decides which versions are kept, and nothing else. */
export class VersionHistory {
  readonly #layout: Layout;
  readonly #files: StoreFiles;
  readonly #known = new Map<string, readonly HistoryEntry[]>();
  #count = 0;

  constructor(layout: Layout, files: StoreFiles) {
    this.#layout = layout;
    this.#files = files;
  }

  async of(name: string): Promise<readonly HistoryEntry[]> {
    const known = this.#known.get(name);
    if (known !== undefined) return known;
    const read = await readHistory(this.#pathOf(name));
    this.#known.set(name, read);
    return read;
  }

  /**
   * Puts a version first, and forgets those beyond `keep`. Must be called in the name's turn.
   * @returns the versions that the name has forgotten
   */
  async add(name: string, entry: HistoryEntry, keep: number): Promise<readonly string[]> {
    const all = [entry, ...(await this.of(name)).filter(({ key }) => key !== entry.key)];
    const kept = all.slice(0, keep);
    // WHY before the writing: if that fails, the versions are kept for longer than they need to be.
    this.#known.set(name, kept);
    const fresh = join(this.#layout.staging, `history-${this.#count++}`);
    await this.#files.inOrder([
      ['createFile', fresh, JSON.stringify(kept), { isFlushed: false }],
      ['rename', fresh, this.#pathOf(name)],
    ]);
    return all.slice(keep).map(({ key }) => key);
  }

  /** Whether any name has had the version, of those that it remembers. */
  async has(key: string): Promise<boolean> {
    for (const file of await readdir(this.#layout.history)) {
      if (!file.endsWith(ending) || file.startsWith('.')) continue;
      const entries = await this.of(nameOfFlat(file.slice(0, -ending.length)));
      if (entries.some((entry) => entry.key === key)) return true;
    }
    return false;
  }

  #pathOf(name: string): string {
    return join(this.#layout.history, `${flatName(name)}${ending}`);
  }
}

/** WHY no error: without its history a name keeps its version, and nothing is removed. */
async function readHistory(path: string): Promise<readonly HistoryEntry[]> {
  try {
    const found: unknown = JSON.parse(await onDisk('readText', path));
    return Array.isArray(found) ? found.filter(isEntry) : [];
  } catch {
    return [];
  }
}

function isEntry(found: unknown): found is HistoryEntry {
  if (typeof found !== 'object' || found === null || !('key' in found) || !('time' in found)) return false;
  return typeof found.key === 'string' && isVersionKey(found.key) && typeof found.time === 'string';
}
