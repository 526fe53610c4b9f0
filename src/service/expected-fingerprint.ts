import { fingerprintBase, type BaseModel } from '../models/index.ts';

/**
 * The fingerprint that the adapters of a served base must have, if they have one.
 *
 * @returns undefined if there are no adapters, or if adapters of any base are accepted
 * @throws EspalierError the errors of `fingerprintBase`
 */
export async function expectedFingerprint(
  base: Pick<BaseModel, 'dir' | 'stored'>,
  { folder, anyBase = false }: { readonly folder: string | undefined; readonly anyBase?: boolean | undefined },
): Promise<string | undefined> {
  return folder === undefined || anyBase ? undefined : fingerprintBase(base);
}
