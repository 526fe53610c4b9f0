import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { EspalierError } from '../../core/index.ts';
import { signerOf } from '../policy/decide-adapter.ts';
import type { Policy } from '../policy/policy.ts';
import { readLists } from '../read-signed-list.ts';
import { checkFiles, filesToSign } from '../signed-files.ts';
import { parseStatement } from '../statement.ts';
import { licenceOf } from './licence-of.ts';

/** What the files of a base have shown. */
export interface CheckedBase {
  readonly licence: string | undefined;
  readonly signer: string | undefined;
}

/** WHY: a model card is a page of text. */
const maxText = 4 * 2 ** 20;

/**
 * Checks the folder of a base before any of its weights is opened: its licence, and the signed list of its files where the policy asks
 * for one. All files of the list are hashed, which takes about a second for a gigabyte.
 *
 * @param dir  the folder of the base, or the folder in which its ONNX file lies
 * @throws EspalierError BASE_NOT_ALLOWED, SIGNATURE_MISSING, SIGNATURE_INVALID, SIGNATURE_WRONG, SIGNER_UNKNOWN, STATEMENT_INVALID,
 *   STATEMENT_INCOMPLETE, STORE_CHECKSUM_MISMATCH
 */
export async function checkBaseFiles(policy: Policy, dir: string): Promise<CheckedBase> {
  const { licences, signedBy } = policy.bases;
  const licence = licenceOf(await textsOf(dir));
  if (licences !== undefined && (licence === undefined || !licences.has(licence))) {
    const said = licence === undefined ? 'its files name no licence' : `its licence is ${licence}`;
    const problem = `${said}, and the policy takes ${[...licences].join(', ')}`;
    throw new EspalierError('BASE_NOT_ALLOWED', { base: dir, problem, policy: policy.path });
  }
  return { licence, signer: signedBy === undefined ? undefined : await signerOfBase(policy, dir) };
}

/** Whether two policies ask the same of the files of a base, so that one that passed the first passes the second. */
export function hasSameBaseRules(one: Policy, other: Policy): boolean {
  return rulesOf(one) === rulesOf(other);
}

function rulesOf({ bases: { licences, signedBy }, signers }: Policy): string {
  const trusted = signers.filter(({ name }) => signedBy?.has(name));
  const keys = trusted.map(({ name, key }) => `${name} ${Buffer.from(key.bytes).toString('hex')}`);
  return JSON.stringify([licences && [...licences].toSorted(), keys.toSorted(), signedBy === undefined]);
}

/** @throws EspalierError BASE_NOT_ALLOWED */
export function assertBaseAllowed({ bases, path }: Policy, fingerprint: string, dir: string): void {
  if (bases.allowed === undefined || bases.allowed.has(fingerprint)) return;
  const problem = `its fingerprint is ${fingerprint}, which the policy does not list`;
  throw new EspalierError('BASE_NOT_ALLOWED', { base: dir, problem, policy: path });
}

async function signerOfBase(policy: Policy, dir: string): Promise<string> {
  const [list] = await readLists([join(dir, 'SHA256SUMS'), join(dir, 'manifest.json')]);
  if (list?.signature === undefined) {
    throw new EspalierError('SIGNATURE_MISSING', { what: `the base ${dir}`, policy: policy.path });
  }
  const { name } = signerOf(policy, list, 'espalier-base');
  if (policy.bases.signedBy?.has(name) === false) {
    const problem = `${name} signed it, and the policy takes ${[...policy.bases.signedBy].join(', ')}`;
    throw new EspalierError('BASE_NOT_ALLOWED', { base: dir, problem, policy: policy.path });
  }
  await checkFiles(parseStatement(list.bytes, list.file), {
    list: list.file,
    folder: dir,
    loaded: await filesToSign(dir),
  });
  return name;
}

async function textsOf(dir: string): Promise<{ readonly card?: string; readonly config?: string }> {
  const [card, config] = await Promise.all(['README.md', 'config.json'].map((name) => textOf(join(dir, name))));
  return { ...(card !== undefined && { card }), ...(config !== undefined && { config }) };
}

async function textOf(path: string): Promise<string | undefined> {
  const found = await stat(path).catch(() => undefined);
  return found?.isFile() === true && found.size <= maxText ? readFile(path, 'utf8') : undefined;
}
