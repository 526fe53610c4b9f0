import { EspalierError } from '../../core/index.ts';
import type { ParsedSignature } from '../signatures/parsed-signature.ts';
import { claimedKey, claims, isOfKey, parseSignature, type Purpose } from '../signatures/signature.ts';
import { parseStatement, type Statement } from '../statement.ts';
import type { Policy, Signer } from './policy.ts';

/** A list of checksums as it lay beside an adapter, and its signature. */
export interface SignedList {
  /** The name of the file with the list. It says how the list is written. */
  readonly file: string;
  readonly bytes: Uint8Array;
  readonly signature: { readonly file: string; readonly text: string } | undefined;
}

/** Who vouches for an adapter; undefined fields: nobody, and nobody has to. */
export interface Vouched {
  readonly signer: string | undefined;
  readonly key: string | undefined;
  readonly statement: Statement | undefined;
}

/** What an adapter is to be used as. */
export interface Use {
  readonly name: string;
  /** The fingerprint of the base that is served. */
  readonly base: string;
  /** Unix time in milliseconds. */
  readonly now: number;
}

const nobody: Vouched = { signer: undefined, key: undefined, statement: undefined };

/**
 * Decides whether somebody who may do so vouches for an adapter. Nothing of the adapter is read for it: only the list and its signature.
 *
 * @throws EspalierError SIGNATURE_MISSING, SIGNATURE_INVALID, SIGNATURE_WRONG, SIGNER_UNKNOWN, SIGNER_NOT_ALLOWED, STATEMENT_INVALID,
 *   STATEMENT_OF_OTHER
 */
export function decideAdapter(policy: Policy, list: SignedList | undefined, use: Use): Vouched {
  if (list?.signature === undefined) {
    if (policy.takesUnsigned) return nobody;
    throw new EspalierError('SIGNATURE_MISSING', { what: `the adapter ${use.name}`, policy: policy.path });
  }
  const signer = signerOf(policy, list, 'espalier-adapter');
  // WHY only now: what nobody vouches for is not parsed.
  const statement = parseStatement(list.bytes, list.file);
  assertMay(signer, use);
  assertFor(statement, policy, { ...use, file: list.file });
  return { signer: signer.name, key: signer.key.label, statement };
}

/**
 * The signer of a list, whoever may have signed it.
 * @throws EspalierError SIGNATURE_INVALID, SIGNATURE_WRONG, SIGNER_UNKNOWN
 */
export function signerOf({ signers, path }: Policy, list: SignedList, purpose: Purpose): Signer {
  const { file = '', text = '' } = list.signature ?? {};
  const signature: ParsedSignature = parseSignature(text, file);
  const found = signers.find((signer) => isOfKey(signer.key, list.bytes, { signature, purpose }));
  if (found !== undefined) return found;
  if (!signers.some((signer) => claims(signature, signer.key))) {
    throw new EspalierError('SIGNER_UNKNOWN', { path: file, key: claimedKey(signature), policy: path });
  }
  const isOther = signature.kind === 'ssh' && signature.namespace !== purpose;
  const problem = isOther
    ? `it was made for the namespace ${signature.namespace}, and ${purpose} is needed`
    : `it is not that of ${list.file} as it is now`;
  throw new EspalierError('SIGNATURE_WRONG', { path: file, key: claimedKey(signature), problem });
}

/** @throws EspalierError SIGNER_NOT_ALLOWED */
function assertMay({ name: signer, adapters, bases, until }: Signer, { name, base, now }: Use): void {
  const refuse = (problem: string): EspalierError => new EspalierError('SIGNER_NOT_ALLOWED', { signer, name, problem });
  if (until !== undefined && now >= until) {
    throw refuse(`nothing of this key is taken since ${new Date(until).toISOString()}`);
  }
  if (!adapters.sees(name)) throw refuse('adapters of this name are not those of this signer');
  if (bases?.has(base) === false) throw refuse(`this signer signs for other bases than ${base}`);
}

/** @throws EspalierError STATEMENT_OF_OTHER */
function assertFor(
  statement: Statement,
  { requiresName }: Policy,
  { name, base, file }: Use & { readonly file: string },
): void {
  const refuse = (expected: string, actual: string): EspalierError =>
    new EspalierError('STATEMENT_OF_OTHER', { path: file, expected, actual });
  if (statement.name !== undefined && statement.name !== name) throw refuse(`the name ${name}`, statement.name);
  if (requiresName && statement.name === undefined) throw refuse(`the name ${name}`, 'no name');
  if (statement.base !== undefined && statement.base !== base) throw refuse(`the base ${base}`, statement.base);
}

/**
 * The signed checksums are those of all files, and of each file.
 * @param files  SHA-256 of what was read, by the name of the file; an adapter in one file has one without a name
 * @throws EspalierError STATEMENT_INCOMPLETE
 */
export function assertListed({ files }: Statement, names: Iterable<string>, path: string): void {
  for (const name of names) {
    if (name === '' ? files.size === 1 : files.has(name)) continue;
    throw new EspalierError('STATEMENT_INCOMPLETE', { path, name: name === '' ? 'the one file of the adapter' : name });
  }
}
