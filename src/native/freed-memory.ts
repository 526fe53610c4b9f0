import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { loadNative } from './load-native.js';

// WHY module state: a binding to libc lasts as long as the process. It is created at its first use.
let trim: (() => Promise<void>) | undefined;

/**
 * Gives memory that libraries have freed back to the system. glibc keeps freed blocks for later, which after the opening of a model can
 * be several times its size. Other C libraries have no such call, and nothing happens there.
 */
export async function returnFreedMemory(): Promise<void> {
  trim ??= trimOf();
  await trim();
}

function trimOf(): () => Promise<void> {
  if (process.platform !== 'linux') return () => Promise.resolve();
  try {
    const libc = loadNative('libc.so.6');
    const mallocTrim = libc.func('malloc_trim', 'int', ['size_t']);
    // The library is referenced, so that it is not garbage-collected, which would unload it.
    return () => new Promise((resolve) => void (libc && mallocTrim.async(0, () => resolve())));
  } catch {
    return () => Promise.resolve();
  }
}

let isReturning = false;

/** Of blocks from this size on. Smaller ones do not add up to much, and are asked for often. */
const largeBlockBytes = 4 * 2 ** 20;
/** M_MMAP_THRESHOLD of glibc's `malloc.h`. */
const mmapThreshold = -3;

/**
 * Lets the C library give each large block back to the system when it is freed, from now on and in the whole process. By default glibc
 * keeps blocks of up to 32 MiB, for each thread by itself, once one of that size was freed: that saves the system the clearing of pages,
 * and holds up to a hundred megabytes between the runs of a model. Other C libraries have no such setting, and nothing happens there.
 */
export function returnLargeBlocks(): void {
  if (isReturning || process.platform !== 'linux') return;
  isReturning = true;
  try {
    loadNative('libc.so.6').func('mallopt', 'int', ['int', 'int'])(mmapThreshold, largeBlockBytes);
  } catch {
    // Another C library than glibc.
  }
}

/**
 * Lets JavaScript give up what it no longer needs, at once; it holds the event loop for some tens of milliseconds. Without it, the
 * buffers from which a graph was built stay until V8 needs their room, which beside hours in native code may be never.
 */
export function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  const collect: unknown = runInNewContext('gc');
  if (typeof collect === 'function') collect();
}
