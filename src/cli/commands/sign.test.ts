import { spawnSync } from 'node:child_process';
import { cp, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { minisigner, minisignSecretKey } from '../../trust/testing/test-signers.ts';
import { espalier, goldenFolder } from '../testing/run-espalier.ts';

const golden = goldenFolder('llama-d16');
const base = join(golden, 'model');
const seed = Buffer.alloc(32, 7);

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'espalier-sign-'));
  await cp(join(golden, 'adapter'), join(dir, 'strict'), { recursive: true });
});
afterEach(() => rm(dir, { recursive: true }));

const at = (name: string): string => join(dir, name);

/** A secret key as `minisign -G -W` writes it, and the policy that knows it. */
async function writeKey(): Promise<void> {
  const { publicKey } = minisigner(seed);
  await writeFile(at('key'), minisignSecretKey(seed));
  await writeFile(at('policy.yaml'), `signers: [{ name: trainer, key: ${publicKey}, adapters: [strict] }]\n`);
}

const verify = (name = 'strict') =>
  espalier(['adapter', 'verify', at('strict'), '--base', base, '--policy', at('policy.yaml'), '--name', name]);

describe('espalier adapter sign', () => {
  it('signs what `adapter verify` finds signed, under the name that it is bound to', async () => {
    await writeKey();
    const words = ['adapter', 'sign', at('strict'), '--key', at('key'), '--name', 'strict', '--base', base];
    expect((await espalier(words)).stderr).toBe('');
    const { stdout, exitCode } = await verify();
    expect(stdout).toContain('signed by trainer (minisign ');
    expect(exitCode).toBe(0);
    expect((await verify('other')).stdout).toContain('SIGNER_NOT_ALLOWED');
  });

  it('finds what was changed after, and what nobody signed', async () => {
    await writeKey();
    expect((await verify()).stdout).toContain('SIGNATURE_MISSING');
    await espalier(['adapter', 'sign', at('strict'), '--key', at('key')]);
    await writeFile(at('strict/adapter_config.json'), '{}');
    const { stdout, exitCode } = await verify();
    expect([stdout.split('\n').at(-2), exitCode]).toEqual(['STORE_CHECKSUM_MISMATCH', 1]);
  });

  it('asks for what a policy needs, and for a key that is one', async () => {
    await writeKey();
    const alone = await espalier(['adapter', 'verify', at('strict'), '--policy', at('policy.yaml')]);
    expect(alone.stdout + alone.stderr).toContain('CLI_CONFLICT');
    const wrong = await espalier(['adapter', 'sign', at('strict'), '--key', at('policy.yaml')]);
    expect(wrong.stderr).toContain('SIGNING_KEY_INVALID');
  });

  it.skipIf(spawnSync('which', ['ssh-keygen']).status !== 0)(
    'signs with an SSH key, in place of an older one',
    async () => {
      await writeKey();
      await espalier(['adapter', 'sign', at('strict'), '--key', at('key')]);
      spawnSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', at('ssh')]);
      await writeFile(at('policy.yaml'), `signers: [{ name: me, key_file: ssh.pub, adapters: ['*'] }]\n`);
      const { exitCode } = await espalier(['adapter', 'sign', at('strict'), '--key', at('ssh')]);
      expect(exitCode).toBe(0);
      expect((await readdir(at('strict'))).filter((name) => name.startsWith('manifest'))).toEqual([
        'manifest.json',
        'manifest.json.sig',
      ]);
      expect((await verify('any')).stdout).toContain('signed by me (ssh SHA256:');
    },
  );
});
