// @ts-check
/** WHY JavaScript: the threads of the disk load this file as it is, from the sources as from the build. */
import koffi from 'koffi';

/**
 * The stack of a call on another thread. WHY not koffi's own 128 KB: drivers of GPUs compile shaders within a run, by recursion, and a
 * stack that is too small ends the process. A system provides memory only for what is used of it. 8 MB is what threads have on Linux.
 */
const asyncStackBytes = 8 * 2 ** 20;

// WHY module state: koffi's settings are those of the process, and cannot be changed after the first library is loaded.
let isConfigured = false;

/**
 * Loads a shared library. All of them are loaded here, so that koffi is set up before the first.
 * @param {string} path
 * @returns {import('koffi').LibraryHandle}
 */
export function loadNative(path) {
  if (!isConfigured) configure();
  return koffi.load(path);
}

function configure() {
  isConfigured = true;
  try {
    koffi.config({ ...koffi.config(), async_stack_size: asyncStackBytes });
  } catch {
    // Another part of the program has loaded a library with koffi before. Whoever needs large stacks asks for them.
  }
}

/**
 * Whether calls on other threads have room for a compiler. They have not if a program has used koffi before Espalier.
 * @returns {boolean}
 */
export function hasLargeStacks() {
  return (koffi.config().async_stack_size ?? 0) >= asyncStackBytes / 2;
}
