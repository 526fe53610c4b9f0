import { createPrivateKey, createPublicKey, sign, verify } from 'node:crypto';

/** The beginning of the DER encoding of a public key of Ed25519 (RFC 8410); the 32 bytes of the key follow. */
const publicHead = Buffer.from('302a300506032b6570032100', 'hex');
/** The same of a private key, followed by the 32 bytes of its seed. */
const privateHead = Buffer.from('302e020100300506032b657004220420', 'hex');

/** Whether a signature of 64 bytes is that of the message under a public key of 32 bytes. */
export function isSignedBy(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  if (publicKey.length !== 32 || signature.length !== 64) return false;
  const key = createPublicKey({ key: Buffer.concat([publicHead, publicKey]), format: 'der', type: 'spki' });
  return verify(null, message, key, signature);
}

/** @param seed  the first 32 bytes of a secret key as libsodium keeps it */
export function signWith(seed: Uint8Array, message: Uint8Array): Uint8Array {
  const key = createPrivateKey({ key: Buffer.concat([privateHead, seed]), format: 'der', type: 'pkcs8' });
  return sign(null, message, key);
}

/** The public key, 32 bytes, of a seed. */
export function publicKeyOf(seed: Uint8Array): Uint8Array {
  const key = createPrivateKey({ key: Buffer.concat([privateHead, seed]), format: 'der', type: 'pkcs8' });
  return createPublicKey(key).export({ format: 'der', type: 'spki' }).subarray(publicHead.length);
}
