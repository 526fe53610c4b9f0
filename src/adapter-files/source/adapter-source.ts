import { join } from 'node:path';
import { EspalierError } from '../../core/index.ts';
import type { SourceStamps } from './settling.ts';
import { type DiskCalls, onDisk, sharedMemory } from '../../native/index.ts';

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

type OpenedFiles = ReturnType<DiskCalls['openFiles']>;
type OpenedFile = OpenedFiles['top'];

/**
 * An adapter's folder or file. Everything in it is opened once. On Linux a folder's files are opened through the folder's descriptor.
 * If another folder replaces it meanwhile, all files therefore come from one of the two folders, and never from both.
 */
export class AdapterSource implements AdapterContents, AsyncDisposable {
  readonly path: string;
  readonly #opened: OpenedFiles;
  readonly #isIncomplete: boolean;

  constructor(path: string, opened: OpenedFiles, { required }: Pick<FolderFiles, 'required'>) {
    this.path = path;
    this.#opened = opened;
    this.#isIncomplete = opened.places.some(({ name, opened: file }) => file === undefined && required.includes(name));
  }

  get isFolder(): boolean {
    return this.#opened.top.isFolder;
  }

  file(name?: string): OpenAdapterFile | undefined {
    const { top, places } = this.#opened;
    if (name === undefined) return this.isFolder ? undefined : fileOf(top, this.path);
    const opened = places.find((place) => place.name === name)?.opened;
    return opened && !opened.isFolder ? fileOf(opened, join(this.path, name)) : undefined;
  }

  get names(): readonly string[] {
    return this.#opened.places.flatMap(({ name, opened }) => (opened && !opened.isFolder ? [name] : []));
  }

  requiredFile(name: string): OpenAdapterFile {
    const file = this.file(name);
    if (file !== undefined) return file;
    throw missingFile(this.path, name);
  }

  get stamps(): SourceStamps {
    const { top, places } = this.#opened;
    const files = places.flatMap(({ opened }) => opened?.stamp ?? []);
    return { top: top.stamp, files, isIncomplete: this.#isIncomplete };
  }

  /**
   * What its files held at a moment after they were opened, at which nothing had happened to them since; undefined if they were not read
   * then, or had changed.
   */
  get contents(): ReadonlyMap<string, Uint8Array> | undefined {
    return this.#opened.isUnchanged ? this.#opened.contents : undefined;
  }

  /** The small files that were asked for and are there, by their paths. */
  get small(): OpenedFiles['small'] {
    return this.#opened.small;
  }

  /** Whether the paths still lead to the opened files, and nothing was written to them since. */
  isUnchanged(): Promise<boolean> {
    const { top, places } = this.#opened;
    return onDisk('areUnchanged', this.path, { top, places });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { top, places } = this.#opened;
    await onDisk('closeAll', [...places.flatMap(({ opened }) => opened?.descriptor ?? []), top.descriptor]);
  }
}

export function missingFile(folder: string, name: string): EspalierError {
  return new EspalierError('FILE_NOT_FOUND', { what: 'readable adapter file', path: join(folder, name) });
}

export interface OpenSourceOptions {
  readonly files: FolderFiles;
  /** All opened files must lie in this folder, also through links. */
  readonly within?: string | undefined;
  /**
   * Whether optional files are looked for only where the folder lists them when it is opened. One that comes later is not noticed by
   * `isUnchanged`.
   */
  readonly isListed?: boolean | undefined;
  /** The files are read at once if they have at most so many bytes together. Default: none are. */
  readonly readUpTo?: number | undefined;
  /** Small files that are read at once as well, where they are. They are no part of the adapter. */
  readonly small?: Parameters<DiskCalls['openFiles']>[0]['small'];
}

/**
 * Opens an adapter's folder with its files, or its only file.
 *
 * @throws EspalierError FILE_NOT_FOUND, ADAPTER_PATH_OUTSIDE
 */
export async function openAdapterSource(
  path: string,
  { files, within, isListed = false, readUpTo = -1, small }: OpenSourceOptions,
): Promise<AdapterSource> {
  const opening = { path, files, within, isListed, readUpTo, small };
  const opened = await onDisk('openFiles', opening).catch((error: unknown) => {
    throw asOwn(error, { path, within });
  });
  return new AdapterSource(path, opened, files);
}

/** What `openAdapterSource` would find at a path, without opening it. @throws EspalierError FILE_NOT_FOUND */
export async function lookAtSource(
  path: string,
  files: FolderFiles,
): Promise<Pick<AdapterSource, 'names'> & { readonly stamps: Pick<SourceStamps, 'top' | 'files'> }> {
  const { names, ...stamps } = await onDisk('lookAtFiles', path, files).catch((error: unknown) => {
    throw asOwn(error, { path, within: undefined });
  });
  return { names, stamps };
}

/** A failure of a thread of the disk, as the error that says what is wrong with the adapter. */
function asOwn(
  error: unknown,
  { path, within }: { readonly path: string; readonly within: string | undefined },
): unknown {
  if (!(error instanceof Error && 'reason' in error && 'path' in error)) return error;
  const { reason, path: place, cause = error } = error;
  if (reason === 'outside') return new EspalierError('ADAPTER_PATH_OUTSIDE', { path: String(place) });
  const what = place === within ? 'folder of adapters' : reason === 'missing' ? 'adapter' : 'readable adapter file';
  return new EspalierError('FILE_NOT_FOUND', { what, path: reason === 'missing' ? path : String(place) }, { cause });
}

function fileOf({ descriptor, stamp }: OpenedFile, path: string): OpenAdapterFile {
  return {
    path,
    size: Number(stamp.size),
    descriptor,
    read: (offset, length) => reading(onDisk('readPart', descriptor, { offset, length, path }), path),
    async readShared(offset, length) {
      const bytes = new Uint8Array(sharedMemory(length));
      await reading(onDisk('fill', descriptor, { bytes, offset, path }), path);
      return bytes;
    },
  };
}

async function reading<T>(read: Promise<T>, path: string): Promise<T> {
  return read.catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ESHORT') throw new EspalierError('ADAPTER_CHANGING', { path, tries: 1 });
    throw error;
  });
}
