import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { SignedList } from '../../trust/index.ts';
import type { Layout } from '../files/layout.ts';
import type { StoreFiles } from '../files/store-files.ts';

/** A signed list, and when the adapter came with it. */
export interface KeptSignature {
  readonly list: SignedList;
  /** Unix time in milliseconds. */
  readonly taken: number;
}

/**
 * The folder `signatures`: the signed lists with which each version came. One version may have several, since the same content may be
 * signed by several people, for several names.
 */
export class SignatureFolder {
  readonly #layout: Layout;
  readonly #files: StoreFiles;
  #count = 0;

  constructor(layout: Layout, files: StoreFiles) {
    this.#layout = layout;
    this.#files = files;
  }

  /** Keeps a signed list of a version. It is on the disk before the version has a place in the store. */
  async add(key: string, { list, taken }: KeptSignature): Promise<void> {
    if (list.signature === undefined) return;
    const content = { file: list.file, list: Buffer.from(list.bytes).toString('base64'), signature: list.signature };
    const name = createHash('sha256').update(JSON.stringify(content)).digest('hex').slice(0, 32);
    const folder = this.#folderOf(key);
    const there = await readdir(folder).catch(() => undefined);
    if (there?.includes(`${name}.json`) === true) return;
    if (there === undefined) await this.#files.createFolder(folder);
    const fresh = join(this.#layout.staging, `signature-${this.#count++}`);
    await this.#files.createFile(fresh, JSON.stringify({ ...content, taken: new Date(taken).toISOString() }));
    await this.#files.rename(fresh, join(folder, `${name}.json`));
    await this.#files.flush(folder);
  }

  /** What cannot be read counts as nothing: a version without its signature is not served where one is needed. */
  async of(key: string): Promise<readonly KeptSignature[]> {
    const folder = this.#folderOf(key);
    const names = await readdir(folder).catch(() => []);
    const read = await Promise.all(names.toSorted().map((name) => readKept(join(folder, name))));
    return read.filter((kept) => kept !== undefined);
  }

  async remove(key: string): Promise<void> {
    await this.#files.removeTree(this.#folderOf(key));
  }

  #folderOf(key: string): string {
    return join(this.#layout.signatures, key);
  }
}

async function readKept(path: string): Promise<KeptSignature | undefined> {
  try {
    const found: unknown = JSON.parse(await readFile(path, 'utf8'));
    const fields = new Map<string, unknown>(Object.entries(found ?? {}));
    const signature = new Map<string, unknown>(Object.entries(fields.get('signature') ?? {}));
    const [file, list, taken] = ['file', 'list', 'taken'].map((name) => fields.get(name));
    const [signatureFile, text] = ['file', 'text'].map((name) => signature.get(name));
    if (![file, list, taken, signatureFile, text].every((each) => typeof each === 'string')) return undefined;
    return {
      list: {
        file: String(file),
        bytes: Buffer.from(String(list), 'base64'),
        signature: { file: String(signatureFile), text: String(text) },
      },
      taken: Date.parse(String(taken)),
    };
  } catch {
    return undefined;
  }
}
