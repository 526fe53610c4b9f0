import { leastLargeBytes } from './native-memory.ts';
import { addressOf, pageAllocator } from './pages.ts';

/** Zeroed memory of JavaScript that several threads can read and write, for a caller that soon writes all of it. */
export function sharedMemory(byteLength: number): SharedArrayBuffer {
  const memory = new SharedArrayBuffer(byteLength);
  if (byteLength >= leastLargeBytes) {
    const { pageBytes, useLargePages } = pageAllocator();
    const start = addressOf(new Uint8Array(memory));
    const before = (BigInt(pageBytes) - (start % BigInt(pageBytes))) % BigInt(pageBytes);
    useLargePages(start + before, Math.floor((byteLength - Number(before)) / pageBytes) * pageBytes);
  }
  return memory;
}
