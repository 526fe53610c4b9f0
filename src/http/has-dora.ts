import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { parsePeftConfig } from '../lora/index.ts';
import { confineAdapter, listAdapterFolders } from './adapters-folder.ts';

/**
 * Whether a folder of adapters has one of DoRA. Only PEFT's own folders can be; the other formats have no place for magnitudes.
 * @throws EspalierError FILE_NOT_FOUND, ADAPTER_PATH_OUTSIDE
 */
export async function hasDora(root: string): Promise<boolean> {
  for (const { path } of await listAdapterFolders(root)) {
    const found = await stat(path);
    if (found.isDirectory() && (await isDora(join(await confineAdapter(root, path), 'adapter_config.json'))))
      return true;
  }
  return false;
}

/** WHY no error: a folder that cannot be read is told of when it is loaded, with all that is wrong in it. */
async function isDora(path: string): Promise<boolean> {
  try {
    const { config } = parsePeftConfig(JSON.parse(await readFile(path, 'utf8')), path);
    return config.useDora === true;
  } catch {
    return false;
  }
}
