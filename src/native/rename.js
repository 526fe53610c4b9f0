// @ts-check
/** WHY JavaScript: the threads of the disk load this file as it is, from the sources as from the build. */
import koffi from 'koffi';
import { loadNative } from './load-native.js';

/**
 * `exchange`: both paths exist and swap what they name. `exclusive`: fails when the target exists.
 * @typedef {'exchange' | 'exclusive'} RenameMode
 */

/**
 * `unsupported`: the system, the file system or the paths do not permit this rename; nothing was changed.
 * @typedef {'done' | 'exists' | 'unsupported'} RenameOutcome
 */

/** @typedef {(from: string, to: string, mode: RenameMode) => number} Rename */

// WHY module state: a binding to libc lasts as long as the thread. It is created at its first use.
/** @type {Rename | undefined} */
let binding;

/**
 * Renames atomically, in a mode that Node's `rename` does not have.
 * @param {RenameMode} mode
 * @param {string} from
 * @param {string} to
 * @returns {RenameOutcome}
 */
export function renameBy(mode, from, to) {
  binding ??= bind();
  if (binding(from, to, mode) === 0) return 'done';
  return koffi.errno() === koffi.os.errno['EEXIST'] ? 'exists' : 'unsupported';
}

/** @returns {Rename} */
function bind() {
  try {
    if (process.platform === 'linux') return linux();
    if (process.platform === 'darwin') return darwin();
  } catch {
    // An older libc does not have the function.
  }
  return () => -1;
}

/** @returns {Rename} */
function linux() {
  const renameat2 = loadNative('libc.so.6').func('renameat2', 'int', ['int', 'str', 'int', 'str', 'uint']);
  const currentFolder = -100;
  const flags = { exclusive: 1, exchange: 2 };
  return (from, to, mode) => Number(renameat2(currentFolder, from, currentFolder, to, flags[mode]));
}

/** @returns {Rename} */
function darwin() {
  const renamex = loadNative('/usr/lib/libSystem.B.dylib').func('renamex_np', 'int', ['str', 'str', 'uint']);
  const flags = { exclusive: 4, exchange: 2 };
  return (from, to, mode) => Number(renamex(from, to, flags[mode]));
}
