import { readFile } from 'node:fs/promises';
import { relative } from 'node:path';
import type { Layout } from '../files/layout.ts';
import type { StoreFiles } from '../files/store-files.ts';

/**
 * The entries that were dealt with and could not be removed, such as links, and the state in which they were. WHY on the disk: after a
 * restart they must not undo what was done since.
 */
export class SeenEntries {
  readonly #layout: Layout;
  readonly #files: StoreFiles;
  readonly #signatures: Map<string, string>;
  #count = 0;
  #writing: Promise<void> = Promise.resolve();

  private constructor(layout: Layout, files: StoreFiles, signatures: Map<string, string>) {
    this.#layout = layout;
    this.#files = files;
    this.#signatures = signatures;
  }

  static async open(layout: Layout, files: StoreFiles): Promise<SeenEntries> {
    return new SeenEntries(layout, files, await readSeen(layout.seen));
  }

  has(path: string, signature: string): boolean {
    return this.#signatures.get(this.#keyOf(path)) === signature;
  }

  async add(path: string, signature: string): Promise<void> {
    this.#signatures.set(this.#keyOf(path), signature);
    await this.#write();
  }

  /** Forgets entries that are no longer there. */
  async keepOnly(paths: readonly string[]): Promise<void> {
    const kept = new Set(paths.map((path) => this.#keyOf(path)));
    const gone = [...this.#signatures.keys()].filter((key) => !kept.has(key));
    if (gone.length === 0) return;
    for (const key of gone) this.#signatures.delete(key);
    await this.#write();
  }

  #keyOf(path: string): string {
    return relative(this.#layout.incoming, path);
  }

  #write(): Promise<void> {
    const write = async (): Promise<void> => {
      const fresh = `${this.#layout.staging}/seen-${this.#count++}`;
      await this.#files.createFile(fresh, JSON.stringify(Object.fromEntries(this.#signatures)));
      await this.#files.rename(fresh, this.#layout.seen);
    };
    this.#writing = this.#writing.then(write, write);
    return this.#writing;
  }
}

/** WHY no error: without it the entries are read once more. */
async function readSeen(path: string): Promise<Map<string, string>> {
  try {
    const found: unknown = JSON.parse(await readFile(path, 'utf8'));
    const pairs = typeof found === 'object' && found !== null ? Object.entries(found) : [];
    return new Map(pairs.filter((pair): pair is [string, string] => typeof pair[1] === 'string'));
  } catch {
    return new Map();
  }
}
