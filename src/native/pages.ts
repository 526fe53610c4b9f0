import koffi, { type LibraryHandle } from 'koffi';
import { EspalierError } from '../core/index.ts';
import type { Pointer } from './pointer.ts';
import { loadNative } from './load-native.js';

/** Allocates whole, zeroed pages from the operating system, which provides physical memory only when a page is first used. */
export interface PageAllocator {
  allocate(byteLength: number): Pointer;
  /** Maps the bytes of an open file; writes stay private. undefined on platforms without a private mapping. */
  mapFile?(descriptor: number, byteLength: number): Pointer;
  /** Returns the physical memory but keeps the address range: later reads see zeros and do not crash. */
  empty(pages: Pointer, byteLength: number): void;
  /** Copies bytes; the ranges may overlap. The garbage collector does not move JavaScript arrays during the call. */
  move(target: Pointer | Uint8Array, source: Pointer | Uint8Array, byteLength: number): void;
  /** Returns the physical memory of whole pages and keeps their mapping: they read as zeros or as before. */
  discard(pages: Pointer, byteLength: number): void;
  /**
   * Asks for large pages for memory that is about to be written as a whole: entering 35 MB into page tables in small pages takes longer
   * than copying them. A system that has none ignores it.
   */
  useLargePages(pages: Pointer, byteLength: number): void;
  /** Bytes of a page. */
  readonly pageBytes: number;
  /** Referenced so that it is not garbage-collected, which would unload the system's library. */
  readonly library: LibraryHandle;
  /** Unmaps the pages. Their addresses must not be used afterwards. */
  free(pages: Pointer, byteLength: number): void;
}

/** The pages of which a range of memory has every byte. There may be none. */
export function wholePages(
  start: Pointer,
  byteLength: number,
): { readonly start: Pointer; readonly byteLength: number } {
  const pageBytes = BigInt(pageAllocator().pageBytes);
  const [first, end] = [(start + pageBytes - 1n) / pageBytes, (start + BigInt(byteLength)) / pageBytes];
  return { start: first * pageBytes, byteLength: Math.max(0, Number((end - first) * pageBytes)) };
}

// WHY module state: a binding to libc lasts as long as the process. It is created at its first use.
let allocator: PageAllocator | undefined;

export function pageAllocator(): PageAllocator {
  allocator ??= process.platform === 'win32' ? windowsPages() : posixPages();
  return allocator;
}

function posixPages(): PageAllocator {
  const isMac = process.platform === 'darwin';
  const [dontNeed, hugePage] = [4, 14];
  const libc = loadNative(isMac ? '/usr/lib/libSystem.B.dylib' : 'libc.so.6');
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
    // WHY not as `empty`: mapping part of a range anew splits the mapping, and the system limits the number of mappings.
    discard: (pages, byteLength) => void madvise(pages, byteLength, dontNeed),
    useLargePages: (pages, byteLength) => {
      if (!isMac) void madvise(pages, byteLength, hugePage);
    },
    free: (pages, byteLength) => void munmap(pages, byteLength),
    move: (target, source, byteLength) => void memmove(target, source, byteLength),
  };
}

function windowsPages(): PageAllocator {
  const kernel = loadNative('kernel32.dll');
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
    useLargePages: () => undefined,
    free: (pages) => void virtualFree(pages, 0, release),
    move: (target, source, byteLength) => void moveMemory(target, source, byteLength),
  };
}

/** An ArrayBuffer over native memory. It does not own the memory, which must outlive it. */
export function viewOf(start: Pointer, byteLength: number): ArrayBuffer {
  return koffi.view(start, byteLength);
}

/** The address of an array's first byte, which is valid while its buffer lives. */
export function addressOf(array: Uint8Array): Pointer {
  return koffi.address(array);
}
