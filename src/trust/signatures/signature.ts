import { isOfMinisignKey, parseMinisign, parseMinisignKey } from './minisign.ts';
import type { ParsedSignature, PublicKey } from './parsed-signature.ts';
import { isOfSshKey, parseSsh, parseSshKey, sshLabel } from './ssh.ts';

/** Endings of the files that hold a signature, beside the file that is signed. */
export const signatureEndings = ['.minisig', '.sig'] as const;

/** What a signature is for. An SSH signature names it, so that one of an adapter is none of a base, nor of a commit. */
export type Purpose = 'espalier-adapter' | 'espalier-base';

/**
 * Reads a signature of minisign or of SSH.
 * @throws EspalierError SIGNATURE_INVALID
 */
export function parseSignature(text: string, path: string): ParsedSignature {
  return text.trimStart().startsWith('-----BEGIN SSH') ? parseSsh(text, path) : parseMinisign(text, path);
}

/** @returns undefined for a text that is no public key of Ed25519 */
export function parsePublicKey(text: string): PublicKey | undefined {
  return parseSshKey(text) ?? parseMinisignKey(text);
}

/** Whether a key has made a signature of a message. */
export function isOfKey(
  key: PublicKey,
  message: Uint8Array,
  { signature, purpose }: { readonly signature: ParsedSignature; readonly purpose: Purpose },
): boolean {
  switch (signature.kind) {
    case 'minisign':
      return isOfMinisignKey(key, message, signature);
    case 'ssh':
      return isOfSshKey(key, message, { signature, namespace: purpose });
  }
}

/** Whether a signature says that it was made with a key. It may not have been. */
export function claims(signature: ParsedSignature, key: PublicKey): boolean {
  if (signature.kind !== key.kind) return false;
  return signature.kind === 'minisign'
    ? signature.keyId === key.keyId
    : Buffer.from(key.bytes).equals(signature.publicKey);
}

/** The key that a signature says it was made with. */
export function claimedKey(signature: ParsedSignature): string {
  return signature.kind === 'minisign' ? `minisign ${signature.keyId}` : sshLabel(signature.publicKey);
}
