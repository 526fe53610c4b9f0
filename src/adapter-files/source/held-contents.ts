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
 * Reads the open files of an adapter whole, each once. Whoever changes them later changes nothing of what was read.
 *
 * @throws EspalierError ADAPTER_CHANGING if a file has become shorter
 */
export async function holdContents(source: AdapterSource): Promise<HeldContents> {
  const files = new Map<string, HeldFile>();
  for (const name of source.isFolder ? source.names : [undefined]) {
    const file = source.file(name);
    if (file === undefined) continue;
    const bytes = file.size < leastShared ? file.read(0, file.size) : file.readShared(0, file.size);
    files.set(name ?? '', held(file, await bytes));
  }
  return new HeldContents(source, files);
}

function held({ path }: AdapterFile, bytes: Uint8Array): HeldFile {
  const part = (offset: number, length: number): Promise<Uint8Array> =>
    Promise.resolve(bytes.subarray(offset, offset + length));
  return { path, size: bytes.length, bytes, read: part, readShared: part };
}
