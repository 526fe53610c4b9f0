import { constants, read } from 'node:fs';
import {
  chmod,
  copyFile,
  lstat,
  mkdir,
  open,
  readdir,
  rename,
  rm,
  symlink,
  unlink,
  type FileHandle,
} from 'node:fs/promises';
import { join } from 'node:path';
import { renameBy } from '../../native/index.ts';

/**
 * Every change that a store makes to the disk. Each is one call of the system, or can be done again after a stop in its middle. Tests
 * stop a process before and after each, and let each fail.
 */
export interface StoreFiles {
  createFolder(path: string): Promise<void>;
  /** Creates a file with this content. Default: it is flushed. */
  createFile(path: string, content: string, options?: { readonly isFlushed: boolean }): Promise<void>;
  /** Copies the content of an open file to a new file. */
  copy(descriptor: number, path: string): Promise<void>;
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
  copy: copyOpenFile,
  link: (target, path) => symlink(target, path),
  flush,
  setMode: (path, mode) => chmod(path, mode),
  rename: (from, to) => rename(from, to),
  renameToFree,
  exchange: async (a, b) => renameBy('exchange', a, b) === 'done',
  unlink: (path) => unlink(path),
  removeTree,
};

async function createFile(path: string, content: string, { isFlushed } = { isFlushed: true }): Promise<void> {
  const file = await open(path, 'wx');
  try {
    await file.writeFile(content);
    if (isFlushed) await file.sync();
  } finally {
    await file.close();
  }
}

/** WHY through the descriptor's path: whatever takes the file's name meanwhile, these are the bytes of the file that was opened. */
async function copyOpenFile(descriptor: number, path: string): Promise<void> {
  if (process.platform === 'linux') {
    return copyFile(`/proc/self/fd/${descriptor}`, path, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
  }
  const file = await open(path, 'wx');
  try {
    for await (const part of readAll(descriptor)) await file.writeFile(part);
  } finally {
    await file.close();
  }
}

async function* readAll(descriptor: number): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.alloc(2 ** 20);
  for (let position = 0; ;) {
    const count = await new Promise<number>((resolve, reject) =>
      read(descriptor, bytes, 0, bytes.length, position, (error, done) => (error ? reject(error) : resolve(done))),
    );
    if (count === 0) return;
    position += count;
    yield Buffer.from(bytes.subarray(0, count));
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

/** WHY the modes: what is in a folder that cannot be written to cannot be removed. */
async function removeTree(path: string): Promise<void> {
  const found = await lstat(path).catch(() => undefined);
  if (found?.isDirectory() === true) {
    await chmod(path, 0o700).catch(() => undefined);
    for (const name of await readdir(path)) await removeTree(join(path, name));
  }
  await rm(path, { recursive: true, force: true });
}
