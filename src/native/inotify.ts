import { closeSync } from 'node:fs';
import { Socket } from 'node:net';
import koffi from 'koffi';
import { decodeInotify, inotifyFlags as flags, type InotifyRecord } from './inotify-records.ts';
import { loadNative } from './load-native.js';

/** What happened in a watched folder. `name` is empty if it happened to the folder itself. */
export type FolderEvent =
  /** A file was closed after writing, or an entry was created, moved in, moved out or deleted. */
  | { readonly kind: 'changed'; readonly folder: string; readonly name: string }
  /** The folder was deleted, moved or unmounted. It is not watched any more. */
  | { readonly kind: 'gone'; readonly folder: string }
  /** The system has dropped events. Everything that is watched must be looked at. */
  | { readonly kind: 'overflow' };

/**
 * Watches folders through inotify. Unlike `fs.watch` it tells when a file was closed after writing, and when events were lost. What it
 * tells are hints: between an event and a look at the files, more may have happened.
 */
export interface FolderWatcher extends Disposable {
  /**
   * Watches a folder, not its subfolders. Watching it again changes nothing.
   * @returns false if the folder does not exist, or the system permits no more watches
   */
  watch(folder: string): boolean;
  unwatch(folder: string): void;
}

interface Libc {
  readonly init: (flags: number) => number;
  readonly addWatch: (descriptor: number, path: string, mask: number) => number;
  readonly removeWatch: (descriptor: number, watch: number) => number;
  readonly pipe: (ends: number[], flags: number) => number;
  readonly duplicate: (from: number, to: number, flags: number) => number;
}

// WHY module state: a binding to libc lasts as long as the process. It is created at its first use.
let binding: Libc | undefined;

const openFlags = { nonBlocking: 0o4000, closeOnExec: 0o2000000 };
const descriptorFlags = openFlags.nonBlocking | openFlags.closeOnExec;

/** @returns undefined where the system has no inotify, or grants no instance of it */
export function openFolderWatcher(listener: (event: FolderEvent) => void): FolderWatcher | undefined {
  if (process.platform !== 'linux') return undefined;
  try {
    binding ??= bind();
    const socket = openSocket(binding);
    return socket && new InotifyWatcher(binding, socket, listener);
  } catch {
    // Another libc than glibc may lack a function or have another name.
    return undefined;
  }
}

function bind(): Libc {
  const libc = loadNative('libc.so.6');
  const init = libc.func('inotify_init1', 'int', ['int']);
  const addWatch = libc.func('inotify_add_watch', 'int', ['int', 'str', 'uint']);
  const removeWatch = libc.func('inotify_rm_watch', 'int', ['int', 'int']);
  const pipe = libc.func('pipe2', 'int', [koffi.out(koffi.pointer('int')), 'int']);
  const duplicate = libc.func('dup3', 'int', ['int', 'int', 'int']);
  return {
    init: (options) => Number(init(options)),
    addWatch: (descriptor, path, mask) => Number(addWatch(descriptor, path, mask)),
    removeWatch: (descriptor, watch) => Number(removeWatch(descriptor, watch)),
    pipe: (ends, options) => Number(pipe(ends, options)),
    duplicate: (from, to, options) => Number(duplicate(from, to, options)),
  };
}

interface OpenSocket {
  readonly socket: Socket;
  readonly descriptor: number;
}

/**
 * An inotify descriptor that Node's event loop waits on, as on any socket: no thread is blocked, and no timer runs.
 *
 * WHY a pipe: Node opens a socket only on descriptors of the kinds that it knows, and inotify is none of them. So the socket is opened
 * on a pipe, and the descriptor is made to stand for inotify before the event loop has begun to wait on it.
 */
function openSocket(libc: Libc): OpenSocket | undefined {
  const inotify = libc.init(descriptorFlags);
  if (inotify < 0) return undefined;
  const ends = [-1, -1];
  try {
    if (libc.pipe(ends, descriptorFlags) !== 0) return undefined;
    const [readable = -1, writable = -1] = ends;
    const socket = new Socket({ fd: readable, readable: true, writable: false });
    const isDone = libc.duplicate(inotify, readable, openFlags.closeOnExec) === readable;
    closeSync(writable);
    if (isDone) return { socket, descriptor: readable };
    socket.destroy();
    return undefined;
  } finally {
    closeSync(inotify);
  }
}

const mask =
  flags.closeWrite |
  flags.movedFrom |
  flags.movedTo |
  flags.create |
  flags.delete |
  flags.deleteSelf |
  flags.moveSelf |
  flags.onlyFolders;

class InotifyWatcher implements FolderWatcher {
  readonly #libc: Libc;
  readonly #open: OpenSocket;
  readonly #listener: (event: FolderEvent) => void;
  readonly #folders = new Map<number, string>();
  readonly #watches = new Map<string, number>();

  constructor(libc: Libc, open: OpenSocket, listener: (event: FolderEvent) => void) {
    this.#libc = libc;
    this.#open = open;
    this.#listener = listener;
    open.socket.on('data', (bytes: Buffer) => {
      for (const record of decodeInotify(bytes)) this.#tell(record);
    });
    // What was lost cannot be known.
    open.socket.on('error', () => listener({ kind: 'overflow' }));
    open.socket.unref();
  }

  watch(folder: string): boolean {
    if (this.#open.socket.destroyed) return false;
    const watch = this.#libc.addWatch(this.#open.descriptor, folder, mask);
    if (watch < 0) return false;
    const before = this.#watches.get(folder);
    // Another folder has taken the path since.
    if (before !== undefined && before !== watch) this.#forget(before);
    this.#folders.set(watch, folder);
    this.#watches.set(folder, watch);
    return true;
  }

  unwatch(folder: string): void {
    const watch = this.#watches.get(folder);
    if (watch === undefined || this.#open.socket.destroyed) return;
    this.#forget(watch);
    this.#libc.removeWatch(this.#open.descriptor, watch);
  }

  #tell({ watch, mask: what, name }: InotifyRecord): void {
    if ((what & flags.overflow) !== 0) return this.#listener({ kind: 'overflow' });
    const folder = this.#folders.get(watch);
    if (folder === undefined) return;
    const isGone = (what & (flags.deleteSelf | flags.moveSelf | flags.unmount | flags.ignored)) !== 0;
    if (!isGone) return this.#listener({ kind: 'changed', folder, name });
    this.#forget(watch);
    // WHY: the watch follows a folder that was moved away, and its new path is not known.
    if ((what & flags.moveSelf) !== 0) this.#libc.removeWatch(this.#open.descriptor, watch);
    this.#listener({ kind: 'gone', folder });
  }

  #forget(watch: number): void {
    const folder = this.#folders.get(watch);
    this.#folders.delete(watch);
    if (folder !== undefined && this.#watches.get(folder) === watch) this.#watches.delete(folder);
  }

  [Symbol.dispose](): void {
    this.#open.socket.destroy();
  }
}
