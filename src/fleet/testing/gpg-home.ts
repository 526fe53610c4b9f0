import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { noGit, reasonOf } from './git-repository.ts';

/** Why tests with OpenPGP are skipped on this machine; undefined: they are not. */
export const noGpg = noGit ?? reasonOf(['gpg', '--version']) ?? reasonOf(['gpg-agent', '--version']);

const past = ['--faked-system-time', '20200301T000000'];
const quietly = ['--batch', '--quiet', '--no-tty', '--pinentry-mode', 'loopback', '--passphrase', ''];

/** The keys of people who sign, in a real keyring of gpg with its agent, until it is disposed. */
export class GpgHome implements Disposable {
  readonly dir = mkdtempSync(join(tmpdir(), 'gpg-'));
  #programs = 0;

  #gpg(words: readonly string[], input = ''): string {
    const env = { ...process.env, GNUPGHOME: this.dir };
    return execFileSync('gpg', [...quietly, ...words], {
      env,
      input,
      encoding: 'utf8',
      stdio: ['pipe', 'pipe', 'pipe'],
    });
  }

  /**
   * @param expires  'never', or a time from March 2020 on, in which the key is made then
   * @returns the fingerprint of a new key
   */
  createKey(name: string, { usage = 'sign', expires = 'never' }: { usage?: string; expires?: string } = {}): string {
    const when = expires === 'never' ? [] : past;
    this.#gpg([...when, '--quick-generate-key', `${name} <${name}@example.com>`, 'ed25519', usage, expires]);
    return this.#fingerprints(name)[0] ?? '';
  }

  /** Gives a key a subkey that signs. @returns its fingerprint */
  addSubkey(key: string): string {
    this.#gpg(['--quick-add-key', key, 'ed25519', 'sign', 'never']);
    return this.#fingerprints(key).at(-1) ?? '';
  }

  revokeSubkey(key: string): void {
    this.#gpg(['--command-fd=0', '--edit-key', key], 'key 1\nrevkey\ny\n0\n\ny\nsave\n');
  }

  #fingerprints(key: string): readonly string[] {
    return [...this.#gpg(['--with-colons', '--list-keys', key]).matchAll(/^fpr:*([\dA-F]+):/gm)].map(
      ([, one = '']) => one,
    );
  }

  /** The armoured public key. */
  export(...keys: readonly string[]): string {
    return this.#gpg(['--armor', '--export', ...keys]);
  }

  exportSecret(key: string): string {
    return this.#gpg(['--armor', '--export-secret-keys', key]);
  }

  /** The certificate that gpg makes with a key, by which its owner revokes it. */
  revocation(key: string): string {
    return readFileSync(join(this.dir, 'openpgp-revocs.d', `${key}.rev`), 'utf8').replace(/^:-----/m, '-----');
  }

  /** A program that signs for git with the keys of this home. @param words  what gpg is told beside what git tells it */
  program(...words: readonly string[]): string {
    const file = join(this.dir, `sign-${this.#programs++}`);
    const told = [...quietly, ...words].map((word) => `'${word}'`).join(' ');
    writeFileSync(file, `#!/bin/sh\nGNUPGHOME='${this.dir}' exec gpg ${told} "$@"\n`);
    chmodSync(file, 0o700);
    return file;
  }

  /** A program that signs in March 2020. */
  programOfPast(...words: readonly string[]): string {
    return this.program(...past, ...words);
  }

  [Symbol.dispose](): void {
    execFileSync('gpgconf', ['--kill', 'all'], { env: { ...process.env, GNUPGHOME: this.dir }, stdio: 'ignore' });
    rmSync(this.dir, { recursive: true, force: true });
  }
}
