import { EspalierError } from '../../core/index.ts';
import { missingFile, type AdapterContents, type AdapterFile, type AdapterSource } from './adapter-source.ts';

/** A file of an adapter that was read whole. */
export interface HeldFile extends AdapterFile {
  /** In memory that other threads can read, if it is large. */
  readonly bytes: Uint8Array;
}

/** The files of an adapter in memory. What is read of them are views of the same bytes. */
export class HeldContents implements AdapterContents {
  readonly path: string;
  readonly isFolder: boolean;
  readonly #files: ReadonlyMap<string, HeldFile>;

  /** @param files  by their names in the folder; an adapter in one file has one without a name */
  constructor({ path, isFolder }: Pick<AdapterContents, 'path' | 'isFolder'>, files: ReadonlyMap<string, HeldFile>) {
    this.path = path;
    this.isFolder = isFolder;
    this.#files = files;
  }

  /** By their names in the folder; the only file of an adapter has none. */
  get files(): ReadonlyMap<string, HeldFile> {
    return this.#files;
  }

  get names(): readonly string[] {
    return this.isFolder ? [...this.#files.keys()] : [];
  }

  file(name?: string): HeldFile | undefined {
    if (this.isFolder === (name === undefined)) return undefined;
    return this.#files.get(name ?? '');
  }

  requiredFile(name: string): HeldFile {
    const file = this.file(name);
    if (file !== undefined) return file;
    throw missingFile(this.path, name);
  }
}

/** WHY: smaller ones are hashed where they are, and memory that threads share costs the garbage collector more. */
const leastShared = 2 ** 21;

/**
 * Reads the open files of an adapter whole, each once, if they were not read when they were opened. Whoever changes them later changes
 * nothing of what was read.
 *
 * @throws EspalierError ADAPTER_CHANGING if a file has changed since it was opened
 */
export async function holdContents(source: AdapterSource): Promise<HeldContents> {
  const files = new Map<string, HeldFile>();
  for (const [name, bytes] of source.contents ?? []) {
    const file = source.file(source.isFolder ? name : undefined);
    if (file !== undefined) files.set(name, held(file, bytes));
  }
  if (source.contents !== undefined) return new HeldContents(source, files);
  for (const name of source.isFolder ? source.names : [undefined]) {
    const file = source.file(name);
    if (file === undefined) continue;
    const bytes = file.size < leastShared ? file.read(0, file.size) : file.readShared(0, file.size);
    files.set(name ?? '', held(file, await bytes));
  }
  if (!(await source.isUnchanged())) throw new EspalierError('ADAPTER_CHANGING', { path: source.path, tries: 1 });
  return new HeldContents(source, files);
}

function held({ path }: AdapterFile, bytes: Uint8Array): HeldFile {
  const part = (offset: number, length: number): Promise<Uint8Array> =>
    Promise.resolve(bytes.subarray(offset, offset + length));
  return { path, size: bytes.length, bytes, read: part, readShared: part };
}
