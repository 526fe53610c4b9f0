import { stat } from 'node:fs/promises';
import { inspectAdapter, readPeftConfig } from '../../adapter-files/index.ts';
import { finishInSlices } from '../../core/index.ts';
import type { AdaptableModule } from '../../ir/index.ts';
import { matchTargets, PatternBudget, targetSteps } from '../../lora/index.ts';
import { embeddingsOf, type BaseModel } from '../../models/index.ts';
import { listAdapterFolders, type ListedAdapter } from './adapters-folder.ts';

/**
 * The modules that the adapters of a folder need beyond all inner linear ones: embeddings and heads. WHY only on need: each costs one
 * more product in every step, and that of a head is as wide as the vocabulary.
 *
 * @returns all modules to serve, or undefined if the default, `all-linear`, is enough
 * @throws EspalierError FILE_NOT_FOUND if the folder does not exist
 */
export async function targetsInFolder(root: string, base: BaseModel): Promise<string[] | undefined> {
  const inner = innerModules(base);
  const known = new Set(inner);
  const tables = base.modules.filter(({ path, kind }) => !known.has(path) && kind !== 'conv');
  const needed = new Set<string>();
  for (const adapter of await listAdapterFolders(root)) {
    if (adapter.problem !== undefined) continue;
    for (const path of await tablesOf(adapter, { root, base, tables })) needed.add(path);
  }
  return needed.size === 0 ? undefined : [...inner, ...needed];
}

/** The modules that an engine serves without being asked to: all inner linear ones. */
export function innerModules(base: Pick<BaseModel, 'modules'>): readonly string[] {
  return matchTargets(base.modules, 'all-linear').modules;
}

interface Search {
  readonly root: string;
  readonly base: BaseModel;
  readonly tables: readonly AdaptableModule[];
}

/** WHY no error: when the adapter is loaded, the error says everything that is wrong with it. */
async function tablesOf({ path }: ListedAdapter, { root, base, tables }: Search): Promise<readonly string[]> {
  try {
    const isFolder = (await stat(path)).isDirectory();
    if (isFolder) {
      // A pattern may match no table: then nothing of the weights' file is read.
      const { config, tokens } = await readPeftConfig(path, { within: root });
      const { modules } = await finishInSlices(targetSteps(tables, config, new PatternBudget()));
      if (tokens === undefined) return modules;
    }
    const options = { within: root, weights: base.weights, embeddings: embeddingsOf(base) };
    const { modules } = await inspectAdapter(path, base.modules, options);
    return tables.map((table) => table.path).filter((table) => modules.includes(table));
  } catch {
    return [];
  }
}
