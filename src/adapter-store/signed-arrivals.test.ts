import { createHash } from 'node:crypto';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createAuthority, parsePolicy, type Policy } from '../trust/index.ts';
import { minisigner, sshSigner, type TestSigner } from '../trust/testing/test-signers.ts';
import { StoreUnderTest } from './testing/store-under-test.ts';
import { drop, write } from './testing/test-adapters.ts';

const [trainer, partner, stranger] = [minisigner(), sshSigner(), minisigner()];
const names = "['policy', 'org/*']";

let tested: StoreUnderTest;
beforeEach(async () => {
  tested = await StoreUnderTest.create();
});
afterEach(() => tested[Symbol.asyncDispose]());

/** Opens the store again under a policy. */
async function open(...rules: Parameters<typeof policyOf>): Promise<unknown> {
  current = await policyOf(...rules);
  tested.authority = createAuthority(() => current, { base: 'base-1' });
  return tested.reopen({ watch: false });
}

/** Changes the policy while the store is open. */
async function change(...rules: Parameters<typeof policyOf>): Promise<void> {
  current = await policyOf(...rules);
  await tested.store.admitAgain();
}
let current: Policy;

function policyOf(
  rules = `{}`,
  signers = [`{ name: trainer, key: ${trainer.publicKey}, adapters: ${names} }`],
): Promise<Policy> {
  const all = [...signers, `{ name: partner, key: ${partner.publicKey}, adapters: ['partner'] }`];
  const text = `signers: [${all.join(', ')}]\nadapters: ${rules}`;
  return parsePolicy(text, 'policy.yaml', () => Promise.reject(new Error('none')));
}

const hashOf = async (path: string): Promise<string> =>
  createHash('sha256')
    .update(await readFile(path))
    .digest('hex');

/** Writes an adapter with its signed list where nobody watches. */
async function signed(version: number, { by = trainer, before }: { by?: TestSigner; before?: string } = {}) {
  const path = await write(join(tested.elsewhere, `signed-${count++}`), version);
  const lines = (await readdir(path)).map(async (name) => `${await hashOf(join(path, name))}  ${name}\n`);
  const list = (await Promise.all(lines)).join('');
  await writeFile(join(path, 'SHA256SUMS'), list);
  await writeFile(join(path, `SHA256SUMS${by.ending}`), by.sign(Buffer.from(before ?? list)));
  return path;
}
let count = 0;

async function come(name: string, path: string): Promise<void> {
  const { rename } = await import('node:fs/promises');
  await rename(path, tested.incoming(name));
  await tested.rest();
}

/** The codes in quarantine. */
async function refusals(): Promise<string[]> {
  const folders = await readdir(tested.at('quarantine'));
  const read = folders.map(async (one) => readFile(tested.at('quarantine', one, 'reason.json'), 'utf8'));
  return (await Promise.all(read)).map((text) => String(JSON.parse(text).code));
}

const served = (): string[] => tested.user.heard.filter((what) => !what.startsWith('-'));

describe('a store with a policy', () => {
  it.each([
    ['minisign', trainer, 'policy', 'trainer'],
    ['SSH', partner, 'partner', 'partner'],
  ] as const)('takes what was signed by %s, and records who signed it', async (_kind, by, name, signer) => {
    await open();
    await come(name, await signed(2, { by }));
    expect(served()).toEqual([`${name}=2`]);
    const told = tested.events.filter(({ event }) => event === 'verify' || event === 'publish');
    expect(told.map(({ details }) => details?.['signer'])).toEqual([signer, signer]);
    const audit = await readFile(tested.at('audit.jsonl'), 'utf8');
    expect(audit).toContain(`"signer":"${signer}"`);
  });

  const faults: Readonly<Record<string, readonly [() => Promise<string>, string]>> = {
    'nobody signed it': [() => write(join(tested.elsewhere, 'plain'), 3), 'SIGNATURE_MISSING'],
    'a stranger signed it': [() => signed(3, { by: stranger }), 'SIGNER_UNKNOWN'],
    'somebody signed it who may not': [() => signed(3, { by: partner }), 'SIGNER_NOT_ALLOWED'],
    'another list was signed': [() => signed(3, { before: 'something else' }), 'SIGNATURE_WRONG'],
    'its weights were changed after': [
      async () => {
        const path = await signed(3);
        await writeFile(join(path, 'adapter_model.safetensors'), 'a file that no parser should see');
        return path;
      },
      'STORE_CHECKSUM_MISMATCH',
    ],
    'a template came beside what was signed': [
      async () => {
        const path = await signed(3);
        await writeFile(join(path, 'chat_template.jinja'), '{{ messages }}');
        return path;
      },
      'STATEMENT_INCOMPLETE',
    ],
  };
  it.each(Object.entries(faults))(
    'opens nothing and goes on with the old version where %s',
    async (_what, [made, code]) => {
      await open();
      await come('policy', await signed(2));
      const reads = tested.user.reads.length;
      await come('policy', await made());
      expect(await refusals()).toEqual([code]);
      expect(served()).toEqual(['policy=2']);
      expect(tested.user.reads.length).toBe(reads);
      expect(tested.store.list().get('policy')).toBeDefined();
    },
  );

  it('serves after a restart what was signed, and knows it without its files', async () => {
    await open();
    await come('policy', await signed(2));
    await open();
    expect(served()).toEqual(['policy=2']);
    expect(await readdir(tested.at('signatures'))).toHaveLength(1);
  });

  it('serves nothing that came before the policy and that nobody signed', async () => {
    await tested.open({ watch: false });
    await drop(tested.elsewhere, tested.incoming('policy'), 1);
    await tested.rest();
    await open();
    expect(served()).toEqual(['!policy']);
    expect(tested.user.errors.get('policy')).toMatchObject({ code: 'SIGNATURE_MISSING' });
  });

  it('serves nothing whose signer the policy no longer has', async () => {
    await open();
    await come('policy', await signed(2));
    await open('{}', []);
    expect(tested.user.errors.get('policy')).toMatchObject({ code: 'SIGNER_UNKNOWN' });
  });

  it('goes back from a version that is revoked', async () => {
    await open();
    await come('policy', await signed(1));
    await come('policy', await signed(2));
    const revoked = tested.store.list().get('policy')?.digest ?? '';
    await open(`{ revoked: ['${revoked}'] }`);
    expect(tested.store.list().get('policy')?.digest).not.toBe(revoked);
    expect(served().at(-1)).toBe('policy=1');
    await expect(tested.store.activate('policy', revoked)).rejects.toMatchObject({ code: 'ADAPTER_REVOKED' });
    await expect(tested.store.assertFree('policy', revoked)).rejects.toMatchObject({ code: 'ADAPTER_REVOKED' });
    expect(await tested.store.isQuarantined('policy', revoked)).toBe(false);
    await come('policy', await signed(2));
    expect(await refusals()).toEqual(['ADAPTER_REVOKED']);
  });

  it('takes a version out of service that the policy revokes while it is served', async () => {
    await open();
    await come('policy', await signed(1));
    await come('policy', await signed(2));
    const revoked = tested.store.list().get('policy')?.digest ?? '';
    await tested.store.activate('org/other', revoked);
    await change(`{ revoked: ['${revoked}'] }`);
    expect([...tested.store.list().keys()]).toEqual(['policy']);
    expect(tested.user.heard.slice(-2).toSorted()).toEqual(['-org/other', 'policy=1']);
    await expect(tested.store.assertVouched('policy', revoked)).rejects.toMatchObject({ code: 'ADAPTER_REVOKED' });
    const refused = tested.events.filter(({ event, result }) => event === 'publish' && result === 'refused');
    expect(refused.map(({ name, reason }) => `${name}: ${reason}`).toSorted()).toEqual([
      'org/other: the policy was changed',
      'policy: the policy was changed',
    ]);
  });

  it('takes a name out of service whose signer the policy no longer has, and lets it come again later', async () => {
    await open();
    await come('policy', await signed(2));
    await change('{}', []);
    expect(tested.user.heard.at(-1)).toBe('-policy');
    await come('policy', await signed(3));
    expect(await refusals()).toEqual(['SIGNER_UNKNOWN']);
    await change();
    await come('policy', await signed(2));
    expect(served().at(-1)).toBe('policy=2');
  });

  it('serves what was refused at the start when the policy allows it', async () => {
    await open();
    await come('policy', await signed(2));
    await open('{}', []);
    expect(served()).toEqual(['!policy']);
    await change('{}', []);
    expect(served()).toEqual(['!policy']);
    await change();
    expect(served()).toEqual(['!policy', 'policy=2']);
    expect(tested.events.at(-1)).toMatchObject({ event: 'publish', reason: 'the policy was changed' });
  });

  it('lets nobody point a name to a version that was signed for other names', async () => {
    await open();
    await come('policy', await signed(2));
    const { digest = '' } = tested.store.list().get('policy') ?? {};
    await expect(tested.store.activate('billing', digest)).rejects.toMatchObject({ code: 'SIGNER_NOT_ALLOWED' });
    await tested.store.activate('org/other', digest);
    expect(served()).toEqual(['policy=2', 'org/other=2']);
  });

  it('believes no signature that lies in the store and was changed', async () => {
    await open();
    await come('policy', await signed(2));
    const [key = ''] = await readdir(tested.at('signatures'));
    const [file = ''] = await readdir(tested.at('signatures', key));
    const path = tested.at('signatures', key, file);
    const kept = JSON.parse(await readFile(path, 'utf8'));
    await rm(path);
    await writeFile(path, JSON.stringify({ ...kept, list: Buffer.from('other').toString('base64') }));
    await open();
    expect(tested.user.errors.get('policy')).toMatchObject({ code: 'SIGNATURE_WRONG' });
  });
});
