import { createHash } from 'node:crypto';
import { EspalierError } from '../../core/index.ts';
import { strictBase64 } from './base64.ts';
import { isSignedBy } from './ed25519.ts';
import type { PublicKey, SshSignature } from './parsed-signature.ts';
import { SshReader, sshString } from './ssh-wire.ts';

const magic = 'SSHSIG';
const algorithm = 'ssh-ed25519';
const begin = '-----BEGIN SSH SIGNATURE-----';
const end = '-----END SSH SIGNATURE-----';

/**
 * Reads a signature of `ssh-keygen -Y sign` (OpenSSH's PROTOCOL.sshsig). WHY here and not by `ssh-keygen -Y verify`: an image of a server
 * has no ssh-keygen, and the format is five strings and one signature. The tests compare both.
 *
 * @throws EspalierError SIGNATURE_INVALID
 */
export function parseSsh(text: string, path: string): SshSignature {
  const reader = new SshReader(armoured(text, path));
  if (reader.raw(magic.length)?.toString('latin1') !== magic) throw invalid(path, `it does not begin with ${magic}`);
  const version = reader.number();
  if (version !== 1) throw invalid(path, `it has version ${version ?? 'none'}, and 1 is read`);
  const publicKey = keyBytes(reader.string());
  if (publicKey === undefined) throw invalid(path, `its key is not one of ${algorithm}`);
  const namespace = reader.text();
  const reserved = reader.string();
  const hash = reader.text();
  const signature = signatureBytes(reader.string());
  if (namespace === undefined || namespace === '') throw invalid(path, 'it names no namespace');
  if (reserved?.length !== 0) throw invalid(path, 'it has a part that no version has');
  if (hash !== 'sha512' && hash !== 'sha256') throw invalid(path, 'its hash is neither sha512 nor sha256');
  if (signature === undefined) throw invalid(path, `its signature is not one of ${algorithm}`);
  if (!reader.isAtEnd) throw invalid(path, 'bytes follow its end');
  return { kind: 'ssh', publicKey, namespace, hash, signature };
}

/** Whether a signature is that of a key over a message, for this namespace. */
export function isOfSshKey(
  key: PublicKey,
  message: Uint8Array,
  { signature, namespace }: { readonly signature: SshSignature; readonly namespace: string },
): boolean {
  if (key.kind !== 'ssh' || signature.namespace !== namespace) return false;
  if (!Buffer.from(key.bytes).equals(signature.publicKey)) return false;
  const digest = createHash(signature.hash).update(message).digest();
  const signed = [sshString(namespace), sshString(''), sshString(signature.hash), sshString(digest)];
  return isSignedBy(key.bytes, Buffer.concat([Buffer.from(magic), ...signed]), signature.signature);
}

/**
 * Reads a public key as a line of `id_ed25519.pub`: the algorithm, base64, and any comment.
 * @returns undefined for any other text
 */
export function parseSshKey(text: string): PublicKey | undefined {
  const [name, encoded] = text.trim().split(/\s+/);
  if (/\r|\n/.test(text.trim()) || name !== algorithm || encoded === undefined) return undefined;
  const bytes = keyBytes(strictBase64(encoded));
  return bytes && { kind: 'ssh', bytes, label: sshLabel(bytes), keyId: undefined };
}

/** The key as ssh-keygen shows it: the base64 of its SHA-256, without padding. */
export function sshLabel(publicKey: Uint8Array): string {
  const blob = Buffer.concat([sshString(algorithm), sshString(publicKey)]);
  return `ssh SHA256:${createHash('sha256').update(blob).digest('base64').replace(/=+$/, '')}`;
}

function armoured(text: string, path: string): Buffer {
  const lines = text.trim().split(/\r?\n/);
  if (lines[0] !== begin || lines.at(-1) !== end) throw invalid(path, `it is not between ${begin} and ${end}`);
  const bytes = strictBase64(lines.slice(1, -1).join(''));
  if (bytes === undefined) throw invalid(path, 'what is between its first and its last line is not base64');
  return bytes;
}

function keyBytes(blob: Buffer | undefined): Uint8Array | undefined {
  return partOf(blob, 32);
}

function signatureBytes(blob: Buffer | undefined): Uint8Array | undefined {
  return partOf(blob, 64);
}

/** The second of two strings, whose first is the algorithm. */
function partOf(blob: Buffer | undefined, length: number): Uint8Array | undefined {
  if (blob === undefined) return undefined;
  const reader = new SshReader(blob);
  if (reader.text() !== algorithm) return undefined;
  const bytes = reader.string();
  return bytes?.length === length && reader.isAtEnd ? bytes : undefined;
}

function invalid(path: string, problem: string): EspalierError {
  return new EspalierError('SIGNATURE_INVALID', { path, problem });
}
