import { createHash, randomBytes } from 'node:crypto';
import { publicKeyOf, signWith } from '../signatures/ed25519.ts';
import { formatMinisign } from '../signatures/sign-minisign.ts';
import { sshString } from '../signatures/ssh-wire.ts';

/** Somebody who signs in a test, with a key of either kind. */
export interface TestSigner {
  /** The public key as a policy has it. */
  readonly publicKey: string;
  readonly ending: '.minisig' | '.sig';
  sign(message: Uint8Array, namespace?: string): string;
}

export function minisigner(seed: Uint8Array = randomBytes(32)): TestSigner {
  const id = createHash('sha256').update(seed).digest().subarray(0, 8);
  const publicKey = Buffer.concat([Buffer.from('Ed'), id, publicKeyOf(seed)]).toString('base64');
  return { publicKey, ending: '.minisig', sign: (message) => formatMinisign({ id, seed }, message, 'made by a test') };
}

/** A secret key as `minisign -G -W` writes it, of the signer that `minisigner` makes of the same seed. */
export function minisignSecretKey(seed: Uint8Array): string {
  const id = createHash('sha256').update(seed).digest().subarray(0, 8);
  const head = [Buffer.from('Ed'), Buffer.alloc(2), Buffer.from('B2'), Buffer.alloc(48)];
  const bytes = Buffer.concat([...head, id, seed, publicKeyOf(seed), Buffer.alloc(32)]);
  return `untrusted comment: a key\n${bytes.toString('base64')}\n`;
}

export function sshSigner(seed: Uint8Array = randomBytes(32)): TestSigner {
  const blob = Buffer.concat([sshString('ssh-ed25519'), sshString(publicKeyOf(seed))]);
  return {
    publicKey: `ssh-ed25519 ${blob.toString('base64')} test`,
    ending: '.sig',
    sign(message, namespace = 'espalier-adapter') {
      const digest = createHash('sha512').update(message).digest();
      const head = [sshString(namespace), sshString(''), sshString('sha512')];
      const signed = signWith(seed, Buffer.concat([Buffer.from('SSHSIG'), ...head, sshString(digest)]));
      const signature = sshString(Buffer.concat([sshString('ssh-ed25519'), sshString(signed)]));
      const version = Buffer.from([0, 0, 0, 1]);
      const bytes = Buffer.concat([Buffer.from('SSHSIG'), version, sshString(blob), ...head, signature]);
      const lines = bytes.toString('base64').match(/.{1,70}/g) ?? [];
      return ['-----BEGIN SSH SIGNATURE-----', ...lines, '-----END SSH SIGNATURE-----', ''].join('\n');
    },
  };
}
