import { createReadStream } from 'node:fs';
import { mkdir, rename } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { blobPath, hasFile, modelFolder, placeLink, snapshotFolder } from './cache-layout.ts';
import { createFileHash, type Repository, type RepositoryFile } from './repository.ts';

/** Where downloaded files are stored: as blobs and links in the hub's cache, or as plain files in a folder. */
export interface FileStore {
  /** The folder of the model after the download. */
  readonly dir: string;
  /** A folder on the disk to which the bytes are written. */
  readonly folder: string;
  has(file: RepositoryFile, signal: AbortSignal | undefined): Promise<boolean>;
  /** The path of the partial file of a download. */
  partialPath(file: RepositoryFile): string;
  lockPath(file: RepositoryFile): string;
  /** Moves a complete and checked partial file into the store. */
  adopt(file: RepositoryFile): Promise<void>;
  /** Makes a stored file visible at its path in `dir`. */
  place(file: RepositoryFile): Promise<void>;
}

export function createCacheStore(cache: string, { name, commit }: Repository): FileStore {
  const dir = snapshotFolder(cache, name, commit);
  const folder = modelFolder(cache, name);
  const blob = (file: RepositoryFile): string => blobPath(cache, name, file);
  const partialPath = (file: RepositoryFile): string => `${blob(file)}.incomplete`;
  return {
    dir,
    folder,
    has: (file) => hasFile(blob(file), file.size),
    partialPath,
    lockPath: ({ digest }) => join(cache, '.locks', basename(folder), `${digest.hex}.espalier`),
    adopt: (file) => rename(partialPath(file), blob(file)),
    place: (file) => placeLink(blob(file), join(dir, file.path)),
  };
}

/** WHY .cache/huggingface: the hub's own tools skip this folder when the model's folder is uploaded. */
export function createFolderStore(dir: string): FileStore {
  const working = ({ path, digest }: RepositoryFile, ending: string): string =>
    join(dir, '.cache', 'huggingface', 'download', `${encodeURIComponent(path)}.${digest.hex}.${ending}`);
  return {
    dir,
    folder: dir,
    has: async (file, signal) => {
      const path = join(dir, file.path);
      return (await hasFile(path, file.size)) && (await digestOf(path, file, signal)) === file.digest.hex;
    },
    partialPath: (file) => working(file, 'incomplete'),
    lockPath: (file) => working(file, 'lock'),
    adopt: async (file) => {
      const place = join(dir, file.path);
      await mkdir(dirname(place), { recursive: true });
      await rename(working(file, 'incomplete'), place);
    },
    place: async () => undefined,
  };
}

async function digestOf(path: string, file: RepositoryFile, signal: AbortSignal | undefined): Promise<string> {
  const hash = createFileHash(file);
  const stream = createReadStream(path, { highWaterMark: 1 << 18, ...(signal && { signal }) });
  for await (const chunk of stream) if (Buffer.isBuffer(chunk)) hash.update(chunk);
  return hash.digest('hex');
}
