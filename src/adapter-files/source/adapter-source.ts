import { type FileHandle, readlink, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { EspalierError, namesIn } from '../../core/index.ts';
import { descriptorPath, openInside, type Opened } from './open-inside.ts';
import type { SourceStamps } from './settling.ts';
import { sharedMemory } from '../../native/index.ts';
import { isSameFile, isUnchanged, stampOf, type Stamp } from '../../atomic-files/index.ts';

/** A file of an adapter, on the disk or in memory. */
export interface AdapterFile {
  /** Its name in errors. */
  readonly path: string;
  readonly size: number;
  /** Exactly these bytes, which nobody changes. */
  read(offset: number, length: number): Promise<Uint8Array>;
  /** As `read`, in memory that other threads can read where that is worth it. */
  readShared(offset: number, length: number): Promise<Uint8Array>;
}

/** An open file of an adapter. */
export interface OpenAdapterFile extends AdapterFile {
  /** It stays open as long as the source. */
  readonly descriptor: number;
}

/** The files of an adapter, whose bytes can be read. */
export interface AdapterContents {
  /** Its name in errors. */
  readonly path: string;
  readonly isFolder: boolean;
  /** The adapter's only file, or the file of this name in its folder; undefined if there is none. */
  file(name?: string): AdapterFile | undefined;
  /** The names of the files of its folder that are there. */
  readonly names: readonly string[];
  /** @throws EspalierError FILE_NOT_FOUND */
  requiredFile(name: string): AdapterFile;
}

/** Names of an adapter's files in its folder. */
export interface FolderFiles {
  readonly required: readonly string[];
  readonly optional: readonly string[];
  /** A folder in it, whose files with this ending are optional too. */
  readonly inner?: { readonly name: string; readonly ending: string } | undefined;
}

/** Most files of the inner folder that are opened. */
const maxInner = 100;

/**
 * An adapter's folder or file. Everything in it is opened once. On Linux a folder's files are opened through the folder's descriptor.
 * If another folder replaces it meanwhile, all files therefore come from one of the two folders, and never from both.
 */
export class AdapterSource implements AdapterContents, AsyncDisposable {
  readonly path: string;
  readonly #top: Opened;
  readonly #places: readonly FolderPlace[];
  readonly #isIncomplete: boolean;

  constructor(path: string, top: Opened, { places, isIncomplete }: { places: FolderPlace[]; isIncomplete: boolean }) {
    this.path = path;
    this.#top = top;
    this.#places = places;
    this.#isIncomplete = isIncomplete;
  }

  get isFolder(): boolean {
    return this.#top.isFolder;
  }

  file(name?: string): OpenAdapterFile | undefined {
    if (name === undefined) return this.isFolder ? undefined : fileOf(this.#top, this.path);
    const opened = this.#places.find((place) => place.name === name)?.opened;
    return opened && !opened.isFolder ? fileOf(opened, join(this.path, name)) : undefined;
  }

  get names(): readonly string[] {
    return this.#places.flatMap(({ name, opened }) => (opened && !opened.isFolder ? [name] : []));
  }

  requiredFile(name: string): OpenAdapterFile {
    const file = this.file(name);
    if (file !== undefined) return file;
    throw missingFile(this.path, name);
  }

  get stamps(): SourceStamps {
    const files = this.#places.flatMap(({ opened }) => opened?.stamp ?? []);
    return { top: this.#top.stamp, files, isIncomplete: this.#isIncomplete };
  }

  /** Whether the paths still lead to the opened files, and nothing was written to them since. */
  async isUnchanged(): Promise<boolean> {
    const top = await stampAt(this.path);
    if (this.isFolder ? !isSameFile(top, this.#top.stamp) : !isUnchanged(top, this.#top.stamp)) return false;
    for (const { at, opened } of this.#places) {
      if (!isUnchanged(await stampAt(at), opened?.stamp)) return false;
    }
    return true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { opened } of this.#places) await opened?.handle.close();
    await this.#top.handle.close();
  }
}

export function missingFile(folder: string, name: string): EspalierError {
  return new EspalierError('FILE_NOT_FOUND', { what: 'readable adapter file', path: join(folder, name) });
}

async function rootOf(within: string): Promise<string> {
  return realpath(within).catch((cause: unknown) => {
    throw new EspalierError('FILE_NOT_FOUND', { what: 'folder of adapters', path: within }, { cause });
  });
}

interface FolderPlace {
  readonly name: string;
  /** The path with which it is opened. */
  readonly at: string;
  readonly opened: Opened | undefined;
}

/**
 * Opens an adapter's folder with its files, or its only file.
 *
 * @param within  all opened files must lie in this folder, also through links
 * @throws EspalierError FILE_NOT_FOUND, ADAPTER_PATH_OUTSIDE
 */
export async function openAdapterSource(
  path: string,
  { files, within }: { readonly files: FolderFiles; readonly within?: string | undefined },
): Promise<AdapterSource> {
  const root = within === undefined ? undefined : await rootOf(within);
  const top = await openInside({ at: path, path, root });
  if (top === undefined) throw new EspalierError('FILE_NOT_FOUND', { what: 'adapter', path });
  const places: FolderPlace[] = [];
  try {
    const folder = top.isFolder ? await folderPath(top, path) : undefined;
    for (const name of folder === undefined ? [] : await namesOf(files, folder)) {
      const at = join(folder ?? '', name);
      const isInFolder = folder !== path && !name.includes('/');
      places.push({ name, at, opened: await openInside({ at, path: join(path, name), root, isInFolder }) });
    }
    const isIncomplete = places.some(({ name, opened }) => opened === undefined && files.required.includes(name));
    return new AdapterSource(path, top, { places, isIncomplete });
  } catch (error) {
    for (const { opened } of places) await opened?.handle.close();
    await top.handle.close();
    throw error;
  }
}

/** WHY the inner folder itself, too: its stamp shows that a file was added or removed. */
async function namesOf({ required, optional, inner }: FolderFiles, folder: string): Promise<string[]> {
  if (inner === undefined) return [...required, ...optional];
  const found = (await namesIn(join(folder, inner.name))).filter((name) => name.endsWith(inner.ending));
  const inside = found.slice(0, maxInner).map((name) => `${inner.name}/${name}`);
  return [...required, ...optional, inner.name, ...inside];
}

// WHY module state: a system has such paths, or has none.
let hasDescriptorPaths = false;

/** The folder's path through its descriptor, if the system has such paths. */
async function folderPath({ handle }: Opened, path: string): Promise<string> {
  hasDescriptorPaths ||= await readlink(descriptorPath(handle)).then(
    () => true,
    () => false,
  );
  return hasDescriptorPaths ? descriptorPath(handle) : path;
}

/** What `openAdapterSource` would find at a path, without opening it. @throws EspalierError FILE_NOT_FOUND */
export async function lookAtSource(
  path: string,
  files: FolderFiles,
): Promise<Pick<AdapterSource, 'names'> & { readonly stamps: Pick<SourceStamps, 'top' | 'files'> }> {
  const found = await stat(path, { bigint: true }).catch((cause: unknown) => {
    throw new EspalierError('FILE_NOT_FOUND', { what: 'adapter', path }, { cause });
  });
  const top = stampOf(found);
  if (!found.isDirectory()) return { names: [], stamps: { top, files: [] } };
  const inside = await Promise.all(
    (await namesOf(files, path)).map(async (name) => ({
      name,
      stats: await stat(join(path, name), { bigint: true }).catch(() => undefined),
    })),
  );
  return {
    names: inside.flatMap(({ name, stats }) => (stats?.isFile() === true ? [name] : [])),
    stamps: { top, files: inside.flatMap(({ stats }) => (stats === undefined ? [] : [stampOf(stats)])) },
  };
}

/** What `openInside` takes for missing has no stamp. */
async function stampAt(path: string): Promise<Stamp | undefined> {
  return stat(path, { bigint: true }).then(
    (stats) => (stats.isFile() || stats.isDirectory() ? stampOf(stats) : undefined),
    () => undefined,
  );
}

/** One read call takes at most 2 GiB on Linux; smaller reads share the disk and libuv's threads better. */
const bytesPerRead = 64 * 2 ** 20;

function fileOf({ handle, stamp }: Opened, path: string): OpenAdapterFile {
  return {
    path,
    size: Number(stamp.size),
    descriptor: handle.fd,
    async read(offset, length) {
      // WHY allocUnsafeSlow: it allocates separate memory, not a slice of Node's shared pool, and does not fill it with zeros.
      const { buffer, byteOffset } = Buffer.allocUnsafeSlow(length);
      return readInto(handle, new Uint8Array(buffer, byteOffset, length), { offset, path });
    },
    readShared: (offset, length) => readInto(handle, new Uint8Array(sharedMemory(length)), { offset, path }),
  };
}

async function readInto(
  handle: FileHandle,
  bytes: Uint8Array,
  { offset, path }: { readonly offset: number; readonly path: string },
): Promise<Uint8Array> {
  const { length } = bytes;
  for (let done = 0; done < length;) {
    const { bytesRead } = await handle.read(bytes, done, Math.min(length - done, bytesPerRead), offset + done);
    if (bytesRead === 0) throw new EspalierError('ADAPTER_CHANGING', { path, tries: 1 });
    done += bytesRead;
  }
  return bytes;
}
