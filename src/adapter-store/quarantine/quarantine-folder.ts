import { lstat, readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { EspalierError } from '../../core/index.ts';
import { onDisk } from '../../native/index.ts';
import { flatName, type Layout } from '../files/layout.ts';
import { isImmovable, type StoreFiles } from '../files/store-files.ts';
import { beyondBounds, type Found, type QuarantineBounds } from './quarantine-bounds.ts';

/** Why something was refused: the content of `reason.json`. */
export interface Refusal {
  readonly name: string;
  readonly code: string | undefined;
  readonly message: string;
  /** ISO 8601, in UTC. */
  readonly time: string;
  readonly digest?: string | undefined;
  /** Where it lay. */
  readonly entry?: string | undefined;
  /** Whether the version may not be taken into use under this name until this folder is removed. */
  readonly isBlocked?: boolean | undefined;
}

const reasonFile = 'reason.json';

/** A file that a person puts into a folder of the quarantine which shall stay. WHY hidden: nothing that comes has such a name. */
const pinFile = '.keep';

/** What was removed from the quarantine. */
export interface Discarded extends Found {
  readonly name: string;
  readonly digest: string | undefined;
  /** Which bound it was beyond, in words. */
  readonly reason: string;
}

/** The folder `quarantine`: what was refused, each in a folder with the reason. */
export class QuarantineFolder {
  readonly #layout: Layout;
  readonly #files: StoreFiles;
  /** Folders into which something is about to be moved. */
  readonly #filling = new Set<string>();
  #count = 0;

  constructor(layout: Layout, files: StoreFiles) {
    this.#layout = layout;
    this.#files = files;
  }

  /**
   * Moves an entry into quarantine. An entry that cannot be moved stays where it is; its reason is written all the same.
   * @returns the folder, and whether the entry was moved
   */
  async take(refusal: Refusal, entry?: string): Promise<{ readonly folder: string; readonly isMoved: boolean }> {
    const folder = await this.#create(refusal);
    try {
      if (entry === undefined) return { folder, isMoved: false };
      await this.#files.rename(entry, join(folder, basename(entry)));
      return { folder, isMoved: true };
    } catch (error) {
      if (isImmovable(error)) return { folder, isMoved: false };
      await this.#files.removeTree(folder);
      throw error;
    } finally {
      this.#filling.delete(folder);
    }
  }

  async #create(refusal: Refusal): Promise<string> {
    const stamp = refusal.time.replaceAll(/[:.-]/g, '');
    for (let count = 1; ; count++) {
      const name = `${folderName(refusal.name)}-${stamp}${count === 1 ? '' : `-${count}`}`;
      const folder = join(this.#layout.quarantine, name);
      try {
        await this.#files.createFolder(folder);
      } catch (error) {
        if (error instanceof Error && 'code' in error && error.code === 'EEXIST') continue;
        throw error;
      }
      this.#filling.add(folder);
      try {
        await this.#files.createFile(join(folder, reasonFile), `${JSON.stringify(refusal, null, 2)}\n`);
        await this.#files.flush(this.#layout.quarantine);
        return folder;
      } catch (error) {
        this.#filling.delete(folder);
        await this.#files.removeTree(folder);
        throw error;
      }
    }
  }

  /** Whether the version may not be taken into use under this name. */
  async has(name: string, digest: string): Promise<boolean> {
    return (await this.#blocks(name, digest)).length > 0;
  }

  /** @throws EspalierError ADAPTER_QUARANTINED if the version is blocked under this name */
  async assertFree(name: string, digest: string): Promise<void> {
    for (const { path, message } of await this.#blocks(name, digest)) {
      throw new EspalierError('ADAPTER_QUARANTINED', { name, version: digest, reason: message, path });
    }
  }

  /** Lets a version be used under this name again. */
  async clear(name: string, digest: string): Promise<void> {
    for (const { path } of await this.#blocks(name, digest)) await this.#files.removeTree(path);
    await this.#files.flush(this.#layout.quarantine);
  }

  /**
   * Removes what is beyond the bounds, the oldest first. What a person has pinned stays, and so does what keeps a version out of use, which
   * is small and ends only when a person clears it.
   * @param now  Unix time in milliseconds
   * @returns what was removed
   * @throws the errors of the file system. What was removed until then is gone.
   */
  async keepWithin(bounds: QuarantineBounds, now: number): Promise<readonly Discarded[]> {
    const found: (Omit<Discarded, 'reason'> & { readonly path: string })[] = [];
    for (const each of await readdir(this.#layout.quarantine)) {
      const path = join(this.#layout.quarantine, each);
      const reason = this.#filling.has(path) ? undefined : await readReason(join(path, reasonFile));
      // What no store has put there is nobody's to remove.
      if (reason === undefined || reason['isBlocked'] === true || (await isThere(join(path, pinFile)))) continue;
      const { name, digest } = reason;
      const time = Date.parse(String(reason['time']));
      if (!Number.isFinite(time)) continue;
      const told = { name: String(name), digest: typeof digest === 'string' ? digest : undefined };
      found.push({ ...told, path, time, bytes: await bytesIn(path) });
    }
    const removed: Discarded[] = [];
    for (const { path, reason, ...gone } of beyondBounds(found, bounds, now)) {
      // WHY moved first: a stop in the middle must leave no folder without its reason.
      const away = join(this.#layout.staging, `discarded-${this.#count++}`);
      await this.#files.rename(path, away);
      await this.#files.removeTree(away);
      removed.push({ ...gone, reason });
    }
    return removed;
  }

  async #blocks(name: string, digest: string): Promise<{ readonly path: string; readonly message: string }[]> {
    const names = await onDisk('names', this.#layout.quarantine);
    const blocks: { readonly path: string; readonly message: string }[] = [];
    for (const each of names.filter((one) => one.startsWith(`${folderName(name)}-`))) {
      const path = join(this.#layout.quarantine, each);
      const found = await readReason(join(path, reasonFile));
      if (found?.['isBlocked'] !== true || found['digest'] !== digest || found['name'] !== name) continue;
      blocks.push({ path, message: String(found['message']) });
    }
    return blocks;
  }
}

/** WHY not the name itself: what is refused may have one of any length, with any character. The reason has it as it was. */
function folderName(name: string): string {
  return flatName(name)
    .replaceAll(/[^\w.%-]/g, '_')
    .slice(0, 150);
}

async function readReason(path: string): Promise<Record<string, unknown> | undefined> {
  try {
    const found: unknown = JSON.parse(await readFile(path, 'utf8'));
    return typeof found === 'object' && found !== null ? { ...found } : undefined;
  } catch {
    return undefined;
  }
}

async function isThere(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}

/** Bytes of all files in a folder. */
async function bytesIn(folder: string): Promise<number> {
  let bytes = 0;
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) bytes += (await lstat(join(entry.parentPath, entry.name)).catch(() => ({ size: 0 }))).size;
  }
  return bytes;
}
