import { readdir, realpath, stat } from 'node:fs/promises';
import { join, resolve, sep } from 'node:path';
import { EspalierError } from '../../core/index.ts';

/** WHY the brackets: a path that leads to an adapter from the server's working directory is the likely mistake. */
const adapterInFolder = 'adapter in the folder of adapters (relative paths begin there)';

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
    throw new EspalierError('FILE_NOT_FOUND', { what: adapterInFolder, path }, { cause });
  }
  if (!isInside(realRoot, real)) throw new EspalierError('ADAPTER_PATH_OUTSIDE', { path });
  return real;
}

function isInside(root: string, path: string): boolean {
  return path.startsWith(root.endsWith(sep) ? root : root + sep);
}

const adapterFile = /^(?<name>.+)\.(?:onnx_adapter|bin|gguf)$/;

/** An adapter in the folder of adapters. */
export interface ListedAdapter {
  readonly name: string;
  /** The real path; if there is a problem, the path of the entry. */
  readonly path: string;
  /** Why the entry must not be read, such as a link that leads out of the folder. */
  readonly problem?: unknown;
}

/**
 * Lists the adapters in `root` in alphabetical order: PEFT folders under their names, and files of the other formats under their names
 * without the extension. An entry that must not be read is listed with its problem.
 *
 * @throws EspalierError FILE_NOT_FOUND if the folder does not exist
 */
export async function listAdapterFolders(root: string): Promise<ListedAdapter[]> {
  const names = await readdir(root).catch((cause: unknown) => {
    throw new EspalierError('FILE_NOT_FOUND', { what: 'folder of adapters', path: root }, { cause });
  });
  const found: ListedAdapter[] = [];
  for (const entry of names.toSorted()) {
    const name = adapterFile.exec(entry)?.groups?.['name'] ?? entry;
    const path = name === entry ? join(root, entry, 'adapter_config.json') : join(root, entry);
    const file = await stat(path).catch(() => undefined);
    if (file?.isFile() === true) found.push(await listEntry(root, entry, name));
  }
  return found;
}

async function listEntry(root: string, entry: string, name: string): Promise<ListedAdapter> {
  try {
    return { name, path: await confineToFolder(root, entry) };
  } catch (problem) {
    return { name, path: join(root, entry), problem };
  }
}
