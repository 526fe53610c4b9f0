import {
  chmod,
  lstat,
  mkdir,
  open,
  readdir,
  rename,
  rm,
  rmdir,
  symlink,
  unlink,
  type FileHandle,
} from 'node:fs/promises';
import { join } from 'node:path';
import { renameBy } from '../../native/index.ts';

export interface NewFile {
  /** Whether it is on the disk in the end. Default: true. */
  readonly isFlushed?: boolean | undefined;
  /** Default: what the process gives its files. */
  readonly mode?: number | undefined;
}

/**
 * Every change that a store makes to the disk. Each is one call of the system, or can be done again after a stop in its middle. Tests
 * stop a process before and after each, and let each fail.
 */
export interface StoreFiles {
  createFolder(path: string): Promise<void>;
  /** Creates a file with this content. */
  createFile(path: string, content: string | Uint8Array, options?: NewFile): Promise<void>;
  /** Creates a symbolic link. */
  link(target: string, path: string): Promise<void>;
  /** Flushes a file, or the names in a folder. */
  flush(path: string): Promise<void>;
  setMode(path: string, mode: number): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  /** Renames to a path that is free. @returns false if it is taken; nothing was changed then */
  renameToFree(from: string, to: string): Promise<boolean>;
  /** Exchanges two names in one step. @returns false if the system cannot; nothing was changed then */
  exchange(a: string, b: string): Promise<boolean>;
  unlink(path: string): Promise<void>;
  /** Removes a file, or a folder with everything in it, whatever its mode. Does nothing where there is none. */
  removeTree(path: string): Promise<void>;
}

/**
 * Whether an error of a renaming says that the entry can never be moved away: it lies on another disk, is mounted, or belongs to somebody
 * else. Other errors may pass.
 */
export function isImmovable(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return ['EXDEV', 'EBUSY', 'EROFS', 'EACCES', 'EPERM'].includes(code);
}

export const systemFiles: StoreFiles = {
  createFolder: async (path) => void (await mkdir(path)),
  createFile,
  link: (target, path) => symlink(target, path),
  flush,
  setMode: (path, mode) => chmod(path, mode),
  rename: (from, to) => rename(from, to),
  renameToFree,
  exchange: async (a, b) => renameBy('exchange', a, b) === 'done',
  unlink: (path) => unlink(path),
  removeTree,
};

async function createFile(
  path: string,
  content: string | Uint8Array,
  { isFlushed = true, mode }: NewFile = {},
): Promise<void> {
  const bytes = typeof content === 'string' ? Buffer.from(content) : content;
  const file = await open(path, 'wx', mode);
  try {
    await writeAll(file, bytes);
    if (isFlushed) await file.sync();
  } finally {
    await file.close();
  }
}

/** One call of the system writes at most 2 GiB on Linux. WHY not `writeFile`: it takes a call for each half of a megabyte. */
const bytesPerWrite = 2 ** 26;

async function writeAll(file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    const { bytesWritten } = await file.write(bytes, done, Math.min(bytes.length - done, bytesPerWrite), done);
    done += bytesWritten;
  }
}

async function flush(path: string): Promise<void> {
  let handle: FileHandle;
  try {
    handle = await open(path, 'r');
  } catch (error) {
    // Windows opens no folders.
    if (process.platform === 'win32') return;
    throw error;
  }
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function renameToFree(from: string, to: string): Promise<boolean> {
  const outcome = renameBy('exclusive', from, to);
  if (outcome !== 'unsupported') return outcome === 'done';
  const isTaken = await lstat(to).then(
    () => true,
    () => false,
  );
  if (!isTaken) await rename(from, to);
  return !isTaken;
}

/**
 * WHY first as a file, and without a look at it: each further call of the system takes a turn of another thread, and most of what is
 * removed are links and small folders.
 */
async function removeTree(path: string): Promise<void> {
  const isGone = await unlink(path).then(
    () => true,
    (error: unknown) => isMissing(error),
  );
  if (isGone) return;
  try {
    const inside = await readdir(path, { withFileTypes: true });
    for (const entry of inside) {
      const inner = join(path, entry.name);
      await (entry.isDirectory() ? removeTree(inner) : unlink(inner));
    }
    await rmdir(path);
  } catch (error) {
    if (!isMissing(error)) await removeProtected(path);
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}

/** WHY the modes: what is in a folder that cannot be written to cannot be removed. */
async function removeProtected(path: string): Promise<void> {
  const found = await lstat(path).catch(() => undefined);
  if (found?.isDirectory() === true) {
    await chmod(path, 0o700).catch(() => undefined);
    for (const name of await readdir(path)) await removeProtected(join(path, name));
  }
  await rm(path, { recursive: true, force: true });
}
