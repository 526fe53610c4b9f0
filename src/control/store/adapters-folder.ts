import { readdir, realpath, stat } from 'node:fs/promises';
import { join, resolve, sep } from 'node:path';
import { EspalierError } from '../../core/index.ts';

/**
 * Resolves a path inside the folder of adapters. Absolute paths, `..` and symbolic links are resolved first, and the result must lie
 * inside. Links may change afterwards, so the code that reads the adapter checks its open files again (`within`).
 *
 * @param root  the folder of adapters
 * @param path  as the request gave it: relative to the folder, or absolute
 * @throws EspalierError ADAPTER_PATH_OUTSIDE, FILE_NOT_FOUND
 */
export async function confineToFolder(root: string, path: string): Promise<string> {
  const realRoot = await realpath(root).catch((cause: unknown) => {
    throw new EspalierError('FILE_NOT_FOUND', { what: 'folder of adapters', path: root }, { cause });
  });
  const asked = resolve(realRoot, path);
  // WHY before any access to the file system: a caller must not learn whether a file outside the folder exists.
  if (!isInside(realRoot, asked) && !isInside(resolve(root), asked)) {
    throw new EspalierError('ADAPTER_PATH_OUTSIDE', { path });
  }
  let real: string;
  try {
    real = await realpath(asked);
  } catch (cause) {
    throw new EspalierError('FILE_NOT_FOUND', { what: 'adapter', path }, { cause });
  }
  if (!isInside(realRoot, real)) throw new EspalierError('ADAPTER_PATH_OUTSIDE', { path });
  return real;
}

function isInside(root: string, path: string): boolean {
  return path.startsWith(root.endsWith(sep) ? root : root + sep);
}

const adapterFile = /^(?<name>.+)\.(?:onnx_adapter|bin|gguf)$/;

/**
 * Lists the adapters in `root` in alphabetical order: PEFT folders under their names, and files of the other formats under their names
 * without the extension.
 */
export async function listAdapterFolders(root: string): Promise<{ name: string; path: string }[]> {
  const names = await readdir(root).catch((cause: unknown) => {
    throw new EspalierError('FILE_NOT_FOUND', { what: 'folder of adapters', path: root }, { cause });
  });
  const found: { name: string; path: string }[] = [];
  for (const entry of names.toSorted()) {
    const name = adapterFile.exec(entry)?.groups?.['name'] ?? entry;
    const path = name === entry ? join(root, entry, 'adapter_config.json') : join(root, entry);
    const file = await stat(path).catch(() => undefined);
    if (file?.isFile() === true) found.push({ name, path: await confineToFolder(root, entry) });
  }
  return found;
}
