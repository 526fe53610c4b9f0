import { stat } from 'node:fs/promises';
import { readPeftConfig } from '../../adapter-files/index.ts';
import { listAdapterFolders } from './adapters-folder.ts';

/**
 * Whether a folder of adapters contains a DoRA adapter. Only PEFT's folders can contain one; the other formats cannot store magnitudes.
 * @throws EspalierError FILE_NOT_FOUND if the folder does not exist
 */
export async function hasDora(root: string): Promise<boolean> {
  for (const { path, problem } of await listAdapterFolders(root)) {
    if (problem !== undefined) continue;
    const found = await stat(path);
    if (found.isDirectory() && (await isDora(path, root))) return true;
  }
  return false;
}

/** WHY no error: when the folder is loaded, the error says everything that is wrong with it. */
async function isDora(dir: string, within: string): Promise<boolean> {
  try {
    const { config } = await readPeftConfig(dir, { within });
    return config.useDora === true;
  } catch {
    return false;
  }
}
