import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { EspalierError } from '../../core/index.ts';
import { flatName, type Layout } from '../files/layout.ts';
import { isImmovable, type StoreFiles } from '../files/store-files.ts';

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

/** The folder `quarantine`: what was refused, each in a folder with the reason. */
export class QuarantineFolder {
  readonly #layout: Layout;
  readonly #files: StoreFiles;

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
    if (entry === undefined) return { folder, isMoved: false };
    try {
      await this.#files.rename(entry, join(folder, basename(entry)));
      return { folder, isMoved: true };
    } catch (error) {
      if (isImmovable(error)) return { folder, isMoved: false };
      await this.#files.removeTree(folder);
      throw error;
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
      try {
        await this.#files.createFile(join(folder, reasonFile), `${JSON.stringify(refusal, null, 2)}\n`);
        await this.#files.flush(this.#layout.quarantine);
        return folder;
      } catch (error) {
        await this.#files.removeTree(folder);
        throw error;
      }
    }
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

  async #blocks(name: string, digest: string): Promise<{ readonly path: string; readonly message: string }[]> {
    const names = await readdir(this.#layout.quarantine);
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
