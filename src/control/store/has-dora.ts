import { stat } from 'node:fs/promises';
import { readPeftConfig } from '../../adapters/index.ts';
import { listAdapterFolders } from './adapters-folder.ts';

/**
 * Whether a folder of adapters has one of DoRA. Only PEFT's own folders can be; the other formats have no place for magnitudes.
 * @throws EspalierError FILE_NOT_FOUND, ADAPTER_PATH_OUTSIDE
 */
export async function hasDora(root: string): Promise<boolean> {
  for (const { path } of await listAdapterFolders(root)) {
    const found = await stat(path);
    if (found.isDirectory() && (await isDora(path, root))) return true;
  }
  return false;
}

/** WHY no error: a folder that cannot be read is told of when it is loaded, with all that is wrong in it. */
async function isDora(dir: string, within: string): Promise<boolean> {
  try {
    const { config } = await readPeftConfig(dir, { within });
    return config.useDora === true;
  } catch {
    return false;
  }
}
