import koffi, { type LibraryHandle } from 'koffi';
import { EspalierError } from '../core/index.ts';
import type { Pointer } from './pointer.ts';

/** Whole pages of memory straight from the operating system, zeroed, and given physical memory only when touched. */
export interface PageAllocator {
  allocate(byteLength: number): Pointer;
  /** The bytes of an open file; what is written there stays private. undefined where the platform has another way. */
  mapFile?(descriptor: number, byteLength: number): Pointer;
  /** Gives the physical memory back but keeps the addresses: what still reads there sees zeros, and never crashes. */
  empty(pages: Pointer, byteLength: number): void;
  /** Copies bytes; the ranges may overlap. Arrays of JavaScript stay where they are for the time of the call. */
  move(target: Pointer | Uint8Array, source: Pointer | Uint8Array, byteLength: number): void;
  /** Gives whole pages back to the system, which keeps their addresses as one range: they read as zeros, or as they were. */
  discard(pages: Pointer, byteLength: number): void;
  /** Bytes of a page. */
  readonly pageBytes: number;
  /** Kept: when it is garbage-collected, the system's library is unloaded. */
  readonly library: LibraryHandle;
  /** Gives everything back. The addresses must not be used any more. */
  free(pages: Pointer, byteLength: number): void;
}

// WHY module state: bindings to libc are as permanent as the process; they are made at first use.
let allocator: PageAllocator | undefined;

export function pageAllocator(): PageAllocator {
  allocator ??= process.platform === 'win32' ? windowsPages() : posixPages();
  return allocator;
}

function posixPages(): PageAllocator {
  const isMac = process.platform === 'darwin';
  const dontNeed = 4;
  const libc = koffi.load(isMac ? '/usr/lib/libSystem.B.dylib' : 'libc.so.6');
  const mmap = libc.func('mmap', 'void *', ['void *', 'size_t', 'int', 'int', 'int', 'int64_t']);
  const madvise = libc.func('madvise', 'int', ['void *', 'size_t', 'int']);
  const munmap = libc.func('munmap', 'int', ['void *', 'size_t']);
  const memmove = libc.func('memmove', 'void *', ['void *', 'void *', 'size_t']);
  const readWrite = 0x1 | 0x2;
  const [isPrivate, fixed, isAnonymous, noReserve] = [0x2, 0x10, isMac ? 0x1000 : 0x20, isMac ? 0x40 : 0x4000];
  const anonymous = isPrivate | isAnonymous | noReserve;
  const map = (address: Pointer | null, byteLength: number, flags: number, descriptor = -1): Pointer => {
    const pages: unknown = mmap(address, byteLength, readWrite, flags, descriptor, 0);
    if (typeof pages === 'bigint' && BigInt.asIntN(64, pages) !== -1n) return pages;
    throw new EspalierError('MEMORY_UNAVAILABLE', { bytes: byteLength, reason: `errno ${koffi.errno()}` });
  };
  const getPageSize = libc.func('getpagesize', 'int', []);
  const pageBytes: unknown = getPageSize();
  return {
    library: libc,
    pageBytes: typeof pageBytes === 'number' ? pageBytes : 2 ** 16,
    allocate: (byteLength) => map(null, byteLength, anonymous),
    mapFile: (descriptor, byteLength) => map(null, byteLength, isPrivate, descriptor),
    empty: (pages, byteLength) => void map(pages, byteLength, anonymous | fixed),
    // WHY not as `empty`: mapping a part anew leaves ranges that the system does not join again, and it allows only so many.
    discard: (pages, byteLength) => void madvise(pages, byteLength, dontNeed),
    free: (pages, byteLength) => void munmap(pages, byteLength),
    move: (target, source, byteLength) => void memmove(target, source, byteLength),
  };
}

function windowsPages(): PageAllocator {
  const kernel = koffi.load('kernel32.dll');
  const virtualAlloc = kernel.func('VirtualAlloc', 'void *', ['void *', 'size_t', 'uint32_t', 'uint32_t']);
  const virtualFree = kernel.func('VirtualFree', 'int', ['void *', 'size_t', 'uint32_t']);
  const moveMemory = kernel.func('RtlMoveMemory', 'void', ['void *', 'void *', 'size_t']);
  const [commit, reserve, release, decommit, readWrite] = [0x1000, 0x2000, 0x8000, 0x4000, 0x04];
  const allocate = (address: Pointer | null, byteLength: number, flags: number): Pointer => {
    const pages: unknown = virtualAlloc(address, byteLength, flags, readWrite);
    if (typeof pages === 'bigint') return pages;
    throw new EspalierError('MEMORY_UNAVAILABLE', { bytes: byteLength, reason: 'VirtualAlloc failed' });
  };
  const empty = (pages: Pointer, byteLength: number): void => {
    virtualFree(pages, byteLength, decommit);
    allocate(pages, byteLength, commit);
  };
  return {
    library: kernel,
    pageBytes: 4096,
    allocate: (byteLength) => allocate(null, byteLength, commit | reserve),
    empty,
    discard: empty,
    free: (pages) => void virtualFree(pages, 0, release),
    move: (target, source, byteLength) => void moveMemory(target, source, byteLength),
  };
}

/** An ArrayBuffer over native memory. It owns nothing: the memory must outlive it. */
export function viewOf(start: Pointer, byteLength: number): ArrayBuffer {
  return koffi.view(start, byteLength);
}
