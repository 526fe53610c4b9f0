import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { codeOf } from '../testing/code-of.ts';
import { minisigner, sshSigner } from '../testing/test-signers.ts';
import { isOfKey, parsePublicKey, parseSignature } from './signature.ts';
import { formatMinisign, readMinisignSecretKey, scryptCost } from './sign-minisign.ts';

/** Made by minisign 0.11 and by ssh-keygen of OpenSSH 9.2, over the same six bytes. */
const message = Buffer.from('hello\n');
const made = {
  minisign: {
    key: 'untrusted comment: minisign public key 3FDDD1BD0FF423A8\nRWSoI/QPvdHdP51ugdh/RDiWOvvdQ2uCo+JB7U5lPKF4w/CrXcwbMYvT\n',
    label: 'minisign 3FDDD1BD0FF423A8',
    signature:
      'untrusted comment: signature from minisign secret key\nRUSoI/QPvdHdPwiQAuq75mHNChE/+DQ4yDNuMWHou1KaSN6lrHUtU7qn6zAy/cMGfFRU/1h3bhd/gkmxHI2Hln7Idl0n4uszogg=\ntrusted comment: tc\n45tm/iTub1a8fiA1QKwWtz1QujSxa1cEwbQcjzGmm4jRlloQnRGiuClgz0+noHx0h1ogxgXmjOQ09G8in3l3CQ==\n',
  },
  ssh: {
    key: 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICxJ73M45bR20Q28/ZFB6FphsUqUlre7gVq3b4IJQhqr trainer',
    label: /^ssh SHA256:[\w+/]{43}$/,
    signature:
      '-----BEGIN SSH SIGNATURE-----\nU1NIU0lHAAAAAQAAADMAAAALc3NoLWVkMjU1MTkAAAAgLEnvczjltHbRDbz9kUHoWmGxSp\nSWt7uBWrdvgglCGqsAAAAQZXNwYWxpZXItYWRhcHRlcgAAAAAAAAAGc2hhNTEyAAAAUwAA\nAAtzc2gtZWQyNTUxOQAAAEB4hwDtMXie6a9NcpfuYPvKF2DXgEpnsc+0Qh+o8mtTwNuQBm\nyTiIkjTs9szhVAbvfy054m1Qw9+JQgi5eBZMwB\n-----END SSH SIGNATURE-----\n',
  },
} as const;

const purpose = 'espalier-adapter';
const kinds = ['minisign', 'ssh'] as const;

function isRight(keyText: string, content: Uint8Array, text: string): boolean {
  const key = parsePublicKey(keyText);
  if (key === undefined) throw new Error('the key cannot be read');
  return isOfKey(key, content, { signature: parseSignature(text, 'x'), purpose });
}

describe.each(kinds)('a signature of %s', (kind) => {
  const { key, label, signature } = made[kind];

  it('holds for what was signed, with the key that has signed it', () => {
    expect(parsePublicKey(key)?.label).toMatch(label);
    expect(isRight(key, message, signature)).toBe(true);
  });

  it('holds for nothing else, and with no other key', () => {
    expect(isRight(key, Buffer.from('hello'), signature)).toBe(false);
    const other = kind === 'minisign' ? minisigner() : sshSigner();
    expect(isRight(other.publicKey, message, signature)).toBe(false);
  });

  it('does not hold when any of its characters that count is another', () => {
    const bodies = kind === 'minisign' ? /^(?!untrusted).+$/gm : /^(?!-----).+$/gm;
    const places = [...signature.matchAll(bodies)].flatMap((line) =>
      Array.from({ length: line[0].length }, (_, at) => line.index + at),
    );
    const holds = (at: number, letter: string): boolean => {
      const changed = signature.slice(0, at) + letter + signature.slice(at + 1);
      try {
        return signature[at] !== letter && isRight(key, message, changed);
      } catch (error) {
        return codeOf(error) !== 'SIGNATURE_INVALID';
      }
    };
    const letter = fc.constantFrom(...'AzQ9+/=x ');
    const check = fc.check(
      fc.property(fc.constantFrom(...places), letter, (at, one) => !holds(at, one)),
      { numRuns: 300 },
    );
    expect(check.counterexample).toBeNull();
  });

  it('is read without a fault from any text', () => {
    const text = fc.oneof(
      fc.string(),
      fc.string().map((middle) => signature.slice(0, 40) + middle),
    );
    const isRead = (found: string): boolean => {
      try {
        return parseSignature(found, 'x').kind !== undefined;
      } catch (error) {
        return codeOf(error) === 'SIGNATURE_INVALID';
      }
    };
    expect(fc.check(fc.property(text, isRead)).counterexample).toBeNull();
  });
});

/** Each is refused before anything is compared. */
const unreadable: Readonly<Record<string, string>> = {
  nothing: '',
  'a text': 'signed, the trainer',
  'a signature without its second comment': made.minisign.signature.split('\n').slice(0, 2).join('\n'),
  'a fifth line': `${made.minisign.signature}untrusted comment: more\n`,
  'a signature over the file itself, not over its hash': made.minisign.signature.replace('\nRUS', '\nRWS'),
  'an algorithm that nobody knows': made.minisign.signature.replace('\nRUS', '\nRXS'),
  'base64 without padding': made.minisign.signature.replace('ogg=', 'ogg'),
  'base64 with a space inside': made.minisign.signature.replace('\nRUSo', '\nRU So'),
  'an SSH signature that was cut off': made.ssh.signature.replace(/yTiI.*\n/, ''),
  'an SSH signature without its end': made.ssh.signature.replace('-----END SSH SIGNATURE-----', ''),
  'a signature of an RSA key': sshWith((bytes) => bytes.toString('latin1').replaceAll('ssh-ed25519', 'ssh-rsa2048')),
  'a later version': sshWith((bytes) => bytes.toString('latin1').replace('\0\0\0\x01', '\0\0\0\x02')),
  'a hash that nobody uses': sshWith((bytes) => bytes.toString('latin1').replace('sha512', 'sha513')),
  'bytes behind the end': sshWith((bytes) => `${bytes.toString('latin1')}more`),
  'a length beyond the end': sshWith((bytes) => bytes.toString('latin1').replace('\0\0\0\x33', '\x7f\xff\xff\xff')),
};

function sshWith(change: (bytes: Buffer) => string): string {
  const body = made.ssh.signature.split('\n').slice(1, -2).join('');
  const bytes = Buffer.from(change(Buffer.from(body, 'base64')), 'latin1');
  return `-----BEGIN SSH SIGNATURE-----\n${bytes.toString('base64')}\n-----END SSH SIGNATURE-----\n`;
}

describe('what is no signature', () => {
  it.each(Object.entries(unreadable))('is refused: %s', (_what, text) => {
    expect(() => parseSignature(text, 'x.minisig')).toThrow(expect.objectContaining({ code: 'SIGNATURE_INVALID' }));
  });

  it('an SSH signature for another purpose does not hold', () => {
    const signer = sshSigner();
    expect(isRight(signer.publicKey, message, signer.sign(message))).toBe(true);
    expect(isRight(signer.publicKey, message, signer.sign(message, 'git'))).toBe(false);
    expect(isRight(signer.publicKey, message, signer.sign(message, 'espalier-base'))).toBe(false);
  });

  it.each(['', 'RWQ', 'ssh-rsa AAAA', 'ssh-ed25519', 'ssh-ed25519 AAAA', `${made.ssh.key}\n${made.ssh.key}`])(
    'no key: %j',
    (text) => {
      expect(parsePublicKey(text)).toBeUndefined();
    },
  );
});

const has = (program: string): boolean => spawnSync('which', [program]).status === 0;

function inFolder<T>(work: (dir: string) => T): T {
  const dir = mkdtempSync(join(tmpdir(), 'espalier-sign-'));
  try {
    return work(dir);
  } finally {
    rmSync(dir, { recursive: true });
  }
}

describe('other programs', () => {
  it.skipIf(!has('minisign'))('minisign accepts a signature that was made here', () => {
    inFolder((dir) => {
      const signer = minisigner();
      writeFileSync(join(dir, 'm'), message);
      writeFileSync(join(dir, 'm.minisig'), signer.sign(message));
      const said = execFileSync('minisign', ['-V', '-P', signer.publicKey, '-m', join(dir, 'm')], { encoding: 'utf8' });
      expect(said).toContain('Signature and comment signature verified');
    });
  });

  it.skipIf(!has('minisign'))('minisign accepts what its own secret key signs here', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'espalier-sign-'));
    try {
      execFileSync('minisign', ['-G', '-W', '-p', join(dir, 'pub'), '-s', join(dir, 'key')]);
      const secret = await readMinisignSecretKey(readFileSync(join(dir, 'key'), 'utf8'), { path: 'key' });
      writeFileSync(join(dir, 'm'), message);
      writeFileSync(join(dir, 'm.minisig'), formatMinisign(secret, message, 'made here'));
      const said = execFileSync('minisign', ['-V', '-p', join(dir, 'pub'), '-m', join(dir, 'm')], { encoding: 'utf8' });
      expect(said).toContain('made here');
    } finally {
      rmSync(dir, { recursive: true });
    }
  });

  it.skipIf(!has('ssh-keygen'))('ssh-keygen finds right and wrong what is found right and wrong here', () => {
    inFolder((dir) => {
      const signer = sshSigner();
      writeFileSync(join(dir, 'allowed'), `trainer ${signer.publicKey}\n`);
      writeFileSync(join(dir, 'sig'), signer.sign(message));
      const words = ['-Y', 'verify', '-f', join(dir, 'allowed'), '-I', 'trainer', '-s', join(dir, 'sig')];
      const verify = (input: string, namespace: string): number | null =>
        spawnSync('ssh-keygen', [...words, '-n', namespace], { input }).status;
      expect(verify('hello\n', 'espalier-adapter')).toBe(0);
      expect(verify('hello', 'espalier-adapter')).not.toBe(0);
      expect(verify('hello\n', 'git')).not.toBe(0);
    });
  });
});

describe('a secret key of minisign', () => {
  it('is refused if it is none, or has a password that was not given', async () => {
    await expect(readMinisignSecretKey('RWQ', { path: 'k' })).rejects.toMatchObject({ code: 'SIGNING_KEY_INVALID' });
    const encrypted = Buffer.concat([Buffer.from('EdScB2'), Buffer.alloc(152)]).toString('base64');
    await expect(readMinisignSecretKey(encrypted, { path: 'k' })).rejects.toThrow('--password-file');
  });

  it('takes the parameters of scrypt that libsodium takes for the limits of minisign', () => {
    expect(scryptCost(33_554_432, 1_073_741_824)).toEqual({ cost: 2 ** 20, parallelization: 1 });
    expect(scryptCost(524_288, 16_777_216)).toEqual({ cost: 2 ** 14, parallelization: 1 });
  });
});
