import type { BaseChecks, FileClock } from '../../adapter-files/index.ts';
import { EspalierError, messageOf } from '../../core/index.ts';
import type { AdaptableModule } from '../../ir/index.ts';
import type { AdapterTokenizers } from '../../tokenizer/index.ts';
import type { AdapterRegistry } from '../registry/adapter-registry.ts';
import type { AdapterInfo } from '../registry/alias.ts';
import { FileSource } from './file-source.ts';
import type { AdapterAdministration, ServedAdapter } from './served-adapter.ts';

/** The part of a registry that loading from files needs. */
export type FileRegistry = Pick<
  AdapterRegistry,
  'has' | 'list' | 'load' | 'put' | 'unload' | 'announce' | 'fail' | 'readAnnounced'
>;

export interface AdministrationOptions extends BaseChecks {
  readonly registry: FileRegistry;
  /** The linear modules of the base. An adapter's tensors must fit them. */
  readonly linears: readonly AdaptableModule[];
  /** The only folder from which adapters are loaded. undefined: none can be loaded. */
  readonly folder: string | undefined;
  /** Name of the base. No adapter may have it. */
  readonly baseName: string;
  /** Makes the tokenizers of adapters that bring their own. Without it, requests for every adapter use the base's. */
  readonly tokenizers?: Pick<AdapterTokenizers, 'of'> | undefined;
  /** The clock by which files have settled. Default: the system's. */
  readonly fileClock?: FileClock | undefined;
}

/** Loads adapters from files into a registry. The registry decides to which version a name points; this module finds the files. */
export function createAdapterAdministration(options: AdministrationOptions): AdapterAdministration {
  const { registry, folder } = options;
  let listed: { readonly from: readonly AdapterInfo[]; readonly served: readonly ServedAdapter[] } | undefined;
  return {
    list() {
      const from = registry.list();
      if (listed?.from !== from) listed = { from, served: from.map(servedAdapter) };
      return listed.served;
    },
    async load(name, path, { replace, anyBase = false, cause }) {
      if (folder === undefined) throw new EspalierError('ADAPTERS_FOLDER_MISSING', {});
      const source = new FileSource(path, { ...options, folder, ...(anyBase && { fingerprint: undefined }) });
      // WHY no check here: the registry decides in the name's own turn, so that exactly one of two concurrent loads succeeds.
      const { digest, created } = await (replace
        ? registry.put(name, source, { cause })
        : registry.load(name, source, { cause }));
      return { name, version: digest, path: source.path, created, state: 'serving' };
    },
    async unload(name, { cause } = {}) {
      try {
        await registry.unload(name, { cause });
      } catch (error) {
        if (!EspalierError.isInstance(error) || error.code !== 'ADAPTER_NOT_FOUND') throw error;
        const { hint = '' } = error.details;
        throw new EspalierError('MODEL_NOT_FOUND', { model: name, hint }, { cause: error });
      }
    },
  };
}

function servedAdapter({ name, version, path, created, state, error }: AdapterInfo): ServedAdapter {
  return {
    name,
    ...(version === undefined ? {} : { version }),
    path,
    created,
    state,
    ...(state === 'failed' ? { problem: messageOf(error) } : {}),
  };
}
