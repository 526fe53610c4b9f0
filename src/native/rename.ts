import koffi from 'koffi';
import { loadNative } from './load-native.ts';

/** `exchange`: both paths exist and swap what they name. `exclusive`: fails when the target exists. */
export type RenameMode = 'exchange' | 'exclusive';

/** `unsupported`: the system, the file system or the paths do not permit this rename; nothing was changed. */
export type RenameOutcome = 'done' | 'exists' | 'unsupported';

type Rename = (from: string, to: string, mode: RenameMode) => number;

// WHY module state: a binding to libc lasts as long as the process. It is created at its first use.
let binding: Rename | undefined;

/** Renames atomically, in a mode that Node's `rename` does not have. */
export function renameBy(mode: RenameMode, from: string, to: string): RenameOutcome {
  binding ??= bind();
  if (binding(from, to, mode) === 0) return 'done';
  return koffi.errno() === koffi.os.errno['EEXIST'] ? 'exists' : 'unsupported';
}

function bind(): Rename {
  try {
    if (process.platform === 'linux') return linux();
    if (process.platform === 'darwin') return darwin();
  } catch {
    // An older libc does not have the function.
  }
  return () => -1;
}

function linux(): Rename {
  const renameat2 = loadNative('libc.so.6').func('renameat2', 'int', ['int', 'str', 'int', 'str', 'uint']);
  const currentFolder = -100;
  const flags = { exclusive: 1, exchange: 2 } satisfies Record<RenameMode, number>;
  return (from, to, mode) => Number(renameat2(currentFolder, from, currentFolder, to, flags[mode]));
}

function darwin(): Rename {
  const renamex = loadNative('/usr/lib/libSystem.B.dylib').func('renamex_np', 'int', ['str', 'str', 'uint']);
  const flags = { exclusive: 4, exchange: 2 } satisfies Record<RenameMode, number>;
  return (from, to, mode) => Number(renamex(from, to, flags[mode]));
}
