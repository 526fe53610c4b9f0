import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { EspalierError, option, optionText } from '../../core/index.ts';
import { fingerprintBase, type BaseModel } from '../../models/index.ts';
import { assertBaseAllowed, checkBaseFiles, hasSameBaseRules, type Policy } from '../../trust/index.ts';
import type { ServerOptions } from '../server-options.ts';
import { PolicyFile } from './policy-file.ts';

/**
 * Reads the policy of a server, before anything that it is about is opened. WHY what no policy can say anything of is refused: adapters of a folder and
 * models under `/v2` would come in beside it.
 *
 * @throws EspalierError FILE_NOT_FOUND, POLICY_INVALID, OPTION_INVALID
 */
export async function openPolicy({
  policy,
  adapters,
  models = [],
}: Pick<ServerOptions, 'policy' | 'adapters' | 'models'>): Promise<PolicyFile | undefined> {
  if (policy === undefined) return undefined;
  const refuse = (actual: string): EspalierError => {
    const expected = optionText('a base and the adapters of ', option('store'), ' alone');
    return new EspalierError('OPTION_INVALID', { name: option('policy'), expected, actual });
  };
  if (adapters !== undefined) throw refuse(adapters);
  if (models.length > 0) throw refuse('models beside it');
  return PolicyFile.open(policy);
}

/** @throws EspalierError the errors of `checkBaseFiles`. Nothing of the base was opened then. */
export async function checkBaseAt(path: string, policy: Policy | undefined): Promise<void> {
  if (policy === undefined) return;
  const isFolder = (await stat(path).catch(() => undefined))?.isDirectory() === true;
  await checkBaseFiles(policy, isFolder ? path : dirname(path));
}

/** @throws EspalierError BASE_NOT_ALLOWED */
export async function checkOpenedBase(base: BaseModel, policy: Policy | undefined): Promise<void> {
  if (policy !== undefined) assertBaseAllowed(policy, await fingerprintBase(base), base.dir);
}

/**
 * Whether the base that is served may be served under another policy. Its files are looked at again only where the policy asks something
 * else of them.
 * @throws EspalierError BASE_NOT_ALLOWED, and the errors of `checkBaseFiles`
 */
export async function checkServedBase(
  { base, path }: { readonly base: BaseModel; readonly path: string },
  { next, before }: { readonly next: Policy; readonly before: Policy },
): Promise<void> {
  await checkOpenedBase(base, next);
  if (!hasSameBaseRules(next, before)) await checkBaseAt(path, next);
}
