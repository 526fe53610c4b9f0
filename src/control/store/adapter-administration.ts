import type { AdapterRegistry } from '../registry/adapter-registry.ts';
import { EspalierError, option } from '../../core/index.ts';
import { loadAdapter } from '../../adapters/index.ts';
import type { AdaptableModule } from '../../ir/index.ts';
import type { BaseModel } from '../../models/index.ts';
import { confineToFolder, listAdapterFolders } from './adapters-folder.ts';
import type { AdapterAdministration, ServedAdapter } from './served-adapter.ts';

export interface AdministrationOptions {
  readonly registry: Pick<AdapterRegistry<unknown>, 'has' | 'list' | 'load' | 'replace' | 'unload'>;
  /** The linear modules of the base: what an adapter's tensors must fit. */
  readonly linears: readonly AdaptableModule[];
  /** The base's own weights, where adapters may bring some of them whole. */
  readonly weights?: BaseModel['weights'] | undefined;
  /** The one folder from which adapters are loaded; undefined = none can be. */
  readonly folder: string | undefined;
  /** Name of the base, which no adapter may take. */
  readonly baseName: string;
}

/** Loads adapters from files into a registry. The registry decides which version a name means; this knows the files. */
export function createAdapterAdministration(options: AdministrationOptions): AdapterAdministration {
  const { registry, linears, weights: own, folder } = options;
  const sources = new Map<string, { path: string; created: number }>();

  const load: AdapterAdministration['load'] = async (name, path, { replace }) => {
    if (folder === undefined) throw new EspalierError('ADAPTERS_FOLDER_MISSING', {});
    if (registry.has(name) && !replace) throw new EspalierError('ADAPTER_ALREADY_LOADED', { name });
    const source = await confineToFolder(folder, path);
    const weights = await loadAdapter(source, linears, { within: folder, weights: own });
    const version = registry.has(name) ? await registry.replace(name, weights) : await registry.load(name, weights);
    sources.set(name, { path: source, created: Math.floor(Date.now() / 1000) });
    return servedAdapter(name, version.id);
  };

  const servedAdapter = (name: string, version: string): ServedAdapter => {
    const source = sources.get(name);
    return { name, version, path: source?.path ?? '', created: source?.created ?? 0 };
  };

  return {
    list: () => registry.list().map(({ name, version }) => servedAdapter(name, version)),
    load,
    async unload(name) {
      if (!registry.has(name)) {
        const known = registry.list().map((adapter) => adapter.name);
        throw new EspalierError('MODEL_NOT_FOUND', { model: name, hint: '', known });
      }
      await registry.unload(name);
      if (!registry.has(name)) sources.delete(name);
    },
  };
}

/**
 * Loads every adapter of the folder under its folder's name.
 * @throws EspalierError the first that cannot be served: a server that lacks an adapter it was given does not start
 */
export async function loadAllAdapters(
  administration: AdapterAdministration,
  options: AdministrationOptions,
): Promise<void> {
  if (options.folder === undefined) return;
  for (const { name, path } of await listAdapterFolders(options.folder)) {
    if (name === options.baseName) {
      throw new EspalierError('REQUEST_INVALID', {
        param: option('adapters'),
        problem: `the folder ${name} has the name of the base`,
      });
    }
    await administration.load(name, path, { replace: false });
  }
}
