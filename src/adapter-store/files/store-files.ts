import { onDisk } from '../../native/index.ts';

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
export interface FileChanges {
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

/** A change, and what it is called with. */
export type Change = {
  [Name in keyof FileChanges]: readonly [name: Name, ...args: Parameters<FileChanges[Name]>];
}[keyof FileChanges];

export interface StoreFiles extends FileChanges {
  /**
   * Makes several changes one after the other, up to the first that fails, or that returns false. WHY together: each handing over to
   * another thread costs the event loop more than most changes do.
   * @returns what each has returned
   */
  inOrder(changes: readonly Change[]): Promise<readonly unknown[]>;
}

/** `inOrder`, change by change. */
export async function changesInOrder(files: FileChanges, changes: readonly Change[]): Promise<readonly unknown[]> {
  const results: unknown[] = [];
  for (const [name, ...args] of changes) {
    const result: unknown = await Reflect.apply(files[name], files, args);
    results.push(result);
    if (result === false) break;
  }
  return results;
}

/**
 * Whether an error of a renaming says that the entry can never be moved away: it lies on another disk, is mounted, or belongs to somebody
 * else. Other errors may pass.
 */
export function isImmovable(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return ['EXDEV', 'EBUSY', 'EROFS', 'EACCES', 'EPERM'].includes(code);
}

/** Each change is one job of a thread of the disk. */
export const systemFiles: StoreFiles = {
  createFolder: (path) => onDisk('createFolder', path),
  createFile: (path, content, options) => onDisk('createFile', path, content, options),
  link: (target, path) => onDisk('link', target, path),
  flush: (path) => onDisk('flush', path),
  setMode: (path, mode) => onDisk('setMode', path, mode),
  rename: (from, to) => onDisk('rename', from, to),
  renameToFree: (from, to) => onDisk('renameToFree', from, to),
  exchange: (a, b) => onDisk('exchange', a, b),
  unlink: (path) => onDisk('unlink', path),
  removeTree: (path) => onDisk('removeTree', path),
  inOrder: (changes) => onDisk('inOrder', changes),
};
