import { createHash } from 'node:crypto';
import { EspalierError } from '../../core/index.ts';
import { strictBase64 } from './base64.ts';
import { isSignedBy } from './ed25519.ts';
import type { MinisignSignature, PublicKey } from './parsed-signature.ts';

const untrusted = 'untrusted comment: ';
const trusted = 'trusted comment: ';

/** The letters of Ed25519 over the BLAKE2b hash of a file; those over the file itself are `Ed`. */
const hashed = 'ED';
const plain = 'Ed';

/**
 * Reads a signature of `minisign`: two comments, two signatures.
 * @throws EspalierError SIGNATURE_INVALID
 */
export function parseMinisign(text: string, path: string): MinisignSignature {
  const [first, signed, comment, global, ...rest] = linesOf(text);
  if (first?.startsWith(untrusted) !== true || comment?.startsWith(trusted) !== true || rest.length > 0) {
    throw invalid(path, 'a signature of minisign has four lines: two comments, each followed by a line of base64');
  }
  const bytes = strictBase64(signed ?? '');
  if (bytes?.length !== 74) throw invalid(path, 'its second line is not the base64 of 74 bytes');
  const commentSignature = strictBase64(global ?? '');
  if (commentSignature?.length !== 64) throw invalid(path, 'its fourth line is not the base64 of 64 bytes');
  const letters = bytes.toString('latin1', 0, 2);
  if (letters === plain) throw invalid(path, 'it is not prehashed; sign with minisign 0.10 or later, without -l');
  if (letters !== hashed) throw invalid(path, 'it is of an algorithm other than Ed25519 over BLAKE2b');
  return {
    kind: 'minisign',
    keyId: keyIdOf(bytes.subarray(2, 10)),
    signature: bytes.subarray(10),
    comment: comment.slice(trusted.length),
    commentSignature,
  };
}

/** Whether both signatures are those of a key: over the hash of the message, and over the first signature with the comment. */
export function isOfMinisignKey(key: PublicKey, message: Uint8Array, signature: MinisignSignature): boolean {
  if (key.kind !== 'minisign' || key.keyId !== signature.keyId) return false;
  if (!isSignedBy(key.bytes, hashOf(message), signature.signature)) return false;
  const commented = Buffer.concat([signature.signature, Buffer.from(signature.comment, 'utf8')]);
  return isSignedBy(key.bytes, commented, signature.commentSignature);
}

/**
 * Reads a public key: the file that `minisign -G` writes, or its second line alone.
 * @returns undefined for any other text
 */
export function parseMinisignKey(text: string): PublicKey | undefined {
  const lines = linesOf(text);
  const line = lines.length === 2 && lines[0]?.startsWith(untrusted) === true ? lines[1] : lines[0];
  if (lines.length > 2 || line === undefined) return undefined;
  const bytes = strictBase64(line);
  if (bytes?.length !== 42 || bytes.toString('latin1', 0, 2) !== plain) return undefined;
  const keyId = keyIdOf(bytes.subarray(2, 10));
  return { kind: 'minisign', bytes: bytes.subarray(10), label: `minisign ${keyId}`, keyId };
}

export function hashOf(message: Uint8Array): Uint8Array {
  return createHash('blake2b512').update(message).digest();
}

/** WHY turned round: minisign shows the number that the bytes are, the lowest byte first. */
export function keyIdOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).reverse().toString('hex').toUpperCase();
}

/** The lines of a text, whose last one may have an end. */
function linesOf(text: string): string[] {
  return text.replace(/\r?\n$/, '').split(/\r?\n/);
}

function invalid(path: string, problem: string): EspalierError {
  return new EspalierError('SIGNATURE_INVALID', { path, problem });
}
