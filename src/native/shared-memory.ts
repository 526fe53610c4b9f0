import { leastLargeBytes } from './native-memory.ts';
import { addressOf, pageAllocator, wholePages } from './pages.ts';

/** Zeroed memory of JavaScript that several threads can read and write, for a caller that soon writes all of it. */
export function sharedMemory(byteLength: number): SharedArrayBuffer {
  const memory = new SharedArrayBuffer(byteLength);
  if (byteLength >= leastLargeBytes) {
    const { start, byteLength: length } = wholePages(addressOf(new Uint8Array(memory)), memory.byteLength);
    pageAllocator().useLargePages(start, length);
  }
  return memory;
}

/**
 * Gives the physical memory of large shared memory back to the system now. WHY not left to the garbage collector: it does not see that
 * memory outside its heap is scarce, and comes when several adapters have been read. From here on, nobody may read the memory: its
 * content is zeros.
 */
export function emptyShared(memory: SharedArrayBuffer): void {
  if (memory.byteLength < leastLargeBytes) return;
  const { start, byteLength } = wholePages(addressOf(new Uint8Array(memory)), memory.byteLength);
  pageAllocator().discard(start, byteLength);
}
