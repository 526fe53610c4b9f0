import { describe, expect, it } from 'vitest';
import { minisigner, sshSigner } from '../testing/test-signers.ts';
import { parsePolicy } from './parse-policy.ts';

const key = minisigner().publicKey;
const sha = 'a'.repeat(64);
const noFile = (): Promise<string> => Promise.reject(new Error('there is no such file'));

/** What is wrong in a policy, with words of its error. */
const wrong: Readonly<Record<string, readonly [string, string]>> = {
  'a field that is misspelt': ['adapters: { unsinged: allow }', 'there is no field unsinged Did you mean unsigned?'],
  'a list in the place of an object': ['[]', 'expected object'],
  'a key twice': ['adapters: {}\nadapters: { unsigned: allow }', 'DUPLICATE_KEY'],
  aliases: ['a: &x [1]\nsigners: *x', 'without aliases'],
  'a signer without a key': ["signers: [{ name: a, adapters: ['*'] }]", 'either key or key_file'],
  'a signer with two keys': [
    `signers: [{ name: a, key: ${key}, key_file: b, adapters: ['*'] }]`,
    'either key or key_file',
  ],
  'a key that is none': ["signers: [{ name: a, key: RWQ, adapters: ['*'] }]", 'the key of a is neither'],
  'a file of a key that is not there': ["signers: [{ name: a, key_file: b, adapters: ['*'] }]", 'no such file'],
  'a signer for nothing': [`signers: [{ name: a, key: ${key}, adapters: [] }]`, 'one at least is expected'],
  'a date that is none': [`signers: [{ name: a, key: ${key}, adapters: [b], until: 2026-02-30 }]`, '2027-06-30'],
  'two signers of one name': [
    `signers: [{ name: a, key: ${key}, adapters: [b] }, { name: a, key: ${key}, adapters: [c] }]`,
    'two signers have the name a',
  ],
  'a version that is none': ['adapters: { revoked: [abc] }', '64 hexadecimal digits'],
  'a base that is none': [`bases: { allowed: [${sha}] }`, 'fingerprint'],
  'a signer of bases whom nobody knows': ['bases: { signed_by: [nobody] }', 'no signer has the name nobody'],
};

describe('parsePolicy', () => {
  it.each(Object.entries(wrong))('refuses %s', async (_what, [text, words]) => {
    const read = parsePolicy(text, 'policy.yaml', noFile);
    await expect(read).rejects.toMatchObject({ code: 'POLICY_INVALID' });
    await expect(read).rejects.toThrow(words);
  });

  it('refuses what nobody signed where nothing else is said', async () => {
    expect(await parsePolicy('{}', 'p', noFile)).toMatchObject({
      takesUnsigned: false,
      requiresName: false,
      signers: [],
    });
  });

  it('reads keys of both kinds, also from files beside it', async () => {
    const text = `signers:
  - { name: one, key_file: keys/one.pub, adapters: ['a-*'], bases: ['checkpoint-1:${sha}'], until: 2027-01-01 }
  - { name: two, key: "${key}", adapters: [b] }
bases: { allowed: ['checkpoint-1:${sha}'], licences: [Apache-2.0], signed_by: [two] }`;
    const asked: string[] = [];
    const policy = await parsePolicy(text, 'p', async (path) => {
      asked.push(path);
      return sshSigner().publicKey;
    });
    expect(asked).toEqual(['keys/one.pub']);
    const [one, two] = policy.signers;
    expect([one?.key.kind, two?.key.kind]).toEqual(['ssh', 'minisign']);
    expect([one?.adapters.sees('a-1'), one?.adapters.sees('b')]).toEqual([true, false]);
    expect(one?.until).toBe(Date.parse('2027-01-02'));
    expect(policy.bases.licences).toEqual(new Set(['apache-2.0']));
  });
});
