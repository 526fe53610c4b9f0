import { embeddingsOf, fingerprintBase, parameterShapes, type BaseModel } from '../../models/index.ts';
import type { LoadAdapterOptions } from './peft/load-peft-adapter.ts';

/** What an adapter is compared with, besides the modules of its base. */
export type BaseChecks = Pick<LoadAdapterOptions, 'weights' | 'fingerprint' | 'embeddings'>;

/**
 * What `loadAdapter` compares the adapters of a base with.
 *
 * @param anyBase  accepts adapters that were trained on another base
 * @throws EspalierError those of `fingerprintBase`
 */
export async function baseChecks(
  base: BaseModel,
  { anyBase = false }: { readonly anyBase?: boolean | undefined } = {},
): Promise<BaseChecks> {
  return {
    weights: parameterShapes(base),
    embeddings: embeddingsOf(base),
    ...(!anyBase && { fingerprint: await fingerprintBase(base) }),
  };
}
