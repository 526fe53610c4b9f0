import { scrypt } from 'node:crypto';
import { promisify } from 'node:util';
import { EspalierError } from '../../core/index.ts';
import { strictBase64 } from './base64.ts';
import { publicKeyOf, signWith } from './ed25519.ts';
import { hashOf, keyIdOf } from './minisign.ts';

/** A secret key that can sign. */
export interface MinisignSecretKey {
  /** 8 bytes, as they stand in signatures. */
  readonly id: Uint8Array;
  readonly seed: Uint8Array;
}

export interface SecretKeyOptions {
  /** Where it comes from, for errors. */
  readonly path: string;
  readonly password?: string | undefined;
  /** What to do if it has a password and none was given. */
  readonly advice?: string | undefined;
}

/**
 * Reads a secret key of minisign. One with a password is opened with it, by the scrypt that minisign uses, which takes a gigabyte of
 * memory and some seconds.
 *
 * @throws EspalierError SIGNING_KEY_INVALID
 */
export async function readMinisignSecretKey(
  text: string,
  { path, password, advice = 'give it with --password-file' }: SecretKeyOptions,
): Promise<MinisignSecretKey> {
  const invalid = (problem: string): EspalierError => new EspalierError('SIGNING_KEY_INVALID', { path, problem });
  const bytes = strictBase64(text.trim().split(/\r?\n/).at(-1) ?? '');
  if (bytes?.length !== 158 || bytes.toString('latin1', 0, 2) !== 'Ed') {
    throw invalid('it is no secret key of minisign');
  }
  const isEncrypted = bytes.toString('latin1', 2, 4) === 'Sc';
  if (isEncrypted && password === undefined) throw invalid(`it has a password; ${advice}`);
  const secret = isEncrypted ? xor(bytes.subarray(54), await streamOf(bytes, password ?? '')) : bytes.subarray(54);
  const [id, seed, publicKey] = [secret.subarray(0, 8), secret.subarray(8, 40), secret.subarray(40, 72)];
  // WHY this shows it: the public key that the file holds belongs to the secret one, and to no other.
  if (!Buffer.from(publicKeyOf(seed)).equals(publicKey)) {
    throw invalid(isEncrypted ? 'the password is wrong' : 'its two halves do not belong together');
  }
  return { id, seed };
}

/** The text of a signature of minisign, with a comment that is signed too. */
export function formatMinisign({ id, seed }: MinisignSecretKey, message: Uint8Array, comment: string): string {
  const signature = signWith(seed, hashOf(message));
  const global = signWith(seed, Buffer.concat([signature, Buffer.from(comment, 'utf8')]));
  const line = Buffer.concat([Buffer.from('ED'), id, signature]).toString('base64');
  return [
    `untrusted comment: signature of key ${keyIdOf(id)}`,
    line,
    `trusted comment: ${comment}`,
    `${Buffer.from(global).toString('base64')}\n`,
  ].join('\n');
}

/** What the secret part of a key is xor-ed with. */
async function streamOf(bytes: Buffer, password: string): Promise<Buffer> {
  const [ops, memory] = [Number(bytes.readBigUInt64LE(38)), Number(bytes.readBigUInt64LE(46))];
  const { cost, parallelization } = scryptCost(ops, memory);
  const derive = promisify<string, Buffer, number, object, Buffer>(scrypt);
  const options = { cost, blockSize: 8, parallelization, maxmem: 2 * 128 * cost * 8 + 2 ** 20 };
  return derive(password, bytes.subarray(6, 38), 104, options);
}

/** How libsodium takes its two limits for the parameters of scrypt (RFC 7914), with r = 8. */
export function scryptCost(ops: number, memory: number): { readonly cost: number; readonly parallelization: number } {
  const limit = Math.max(ops, 32_768);
  const isFast = limit < memory / 32;
  const most = isFast ? limit / (8 * 4) : memory / (8 * 128);
  let log = 1;
  while (log < 63 && 2 ** log <= most / 2) log++;
  const parallelization = isFast ? 1 : Math.floor(Math.min(limit / 4 / 2 ** log, 0x3fffffff) / 8);
  return { cost: 2 ** log, parallelization: Math.max(1, parallelization) };
}

function xor(left: Uint8Array, right: Uint8Array): Buffer {
  return Buffer.from(left.map((byte, index) => byte ^ (right[index] ?? 0)));
}
