import { leastLargeBytes } from './native-memory.ts';
import { addressOf, pageAllocator } from './pages.ts';

interface WholePages {
  readonly start: bigint;
  readonly byteLength: number;
}

/** Zeroed memory of JavaScript that several threads can read and write, for a caller that soon writes all of it. */
export function sharedMemory(byteLength: number): SharedArrayBuffer {
  const memory = new SharedArrayBuffer(byteLength);
  if (byteLength >= leastLargeBytes) {
    const { start, byteLength: length } = wholePages(memory);
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
  const { start, byteLength } = wholePages(memory);
  pageAllocator().discard(start, byteLength);
}

/** The pages of which a memory has every byte. */
function wholePages(memory: SharedArrayBuffer): WholePages {
  const { pageBytes } = pageAllocator();
  const start = addressOf(new Uint8Array(memory));
  const before = (BigInt(pageBytes) - (start % BigInt(pageBytes))) % BigInt(pageBytes);
  const byteLength = Math.floor((memory.byteLength - Number(before)) / pageBytes) * pageBytes;
  return { start: start + before, byteLength };
}
