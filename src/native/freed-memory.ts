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
