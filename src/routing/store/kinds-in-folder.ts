import { stat } from 'node:fs/promises';
import { readPeftConfig } from '../../adapter-files/index.ts';
import { listAdapterFolders } from './adapters-folder.ts';

/** The kinds of adapters in a folder that an engine must be opened for. Only PEFT's folders can contain such; other formats cannot store them. */
export interface KindsInFolder {
  readonly dora: boolean;
  readonly loraBias: boolean;
}

/** @throws EspalierError FILE_NOT_FOUND if the folder does not exist */
export async function kindsInFolder(root: string): Promise<KindsInFolder> {
  let [dora, loraBias] = [false, false];
  for (const { path, problem } of await listAdapterFolders(root)) {
    if (problem !== undefined || !(await stat(path)).isDirectory()) continue;
    const kinds = await kindsOf(path, root);
    [dora, loraBias] = [dora || kinds.dora, loraBias || kinds.loraBias];
    if (dora && loraBias) break;
  }
  return { dora, loraBias };
}

/** WHY no error: when the folder is loaded, the error says everything that is wrong with it. */
async function kindsOf(dir: string, within: string): Promise<KindsInFolder> {
  try {
    const { config, hasBias = false } = await readPeftConfig(dir, { within });
    return { dora: config.useDora === true, loraBias: hasBias };
  } catch {
    return { dora: false, loraBias: false };
  }
}
