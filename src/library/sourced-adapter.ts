import { loadAdapter, type LoadAdapterOptions } from '../adapter-files/index.ts';
import type { BaseModel } from '../models/index.ts';
import type { SourcedAdapter } from '../routing/index.ts';
import { tokenizerFileNames, type AdapterTokenizers } from '../tokenizer/index.ts';

export interface SourcedOptions extends LoadAdapterOptions {
  /** Makes the tokenizers of adapters that bring their own; undefined: the base's is used. */
  readonly tokenizers: AdapterTokenizers | undefined;
}

/**
 * Reads an adapter with the tokenizer that its folder has beside the weights, as one state of the folder.
 * @throws EspalierError the errors of `loadAdapter`; TOKENIZER_INVALID where a file of the tokenizer cannot be used
 */
export async function sourcedAdapter(
  path: string,
  modules: BaseModel['modules'],
  { tokenizers, ...options }: SourcedOptions,
): Promise<SourcedAdapter> {
  if (tokenizers === undefined) return loadAdapter(path, modules, options);
  const reading = { ...options, companions: tokenizerFileNames };
  const { companions, ...adapter } = await loadAdapter(path, modules, reading);
  const own = companions && (await tokenizers.of(path, companions));
  return own === undefined ? adapter : { ...adapter, openTokenizer: () => Promise.resolve(own) };
}
