import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parsePolicy } from '../policy/parse-policy.ts';
import type { Policy } from '../policy/policy.ts';
import { filesToSign, hashOfFile } from '../signed-files.ts';
import { formatStatement } from '../statement.ts';
import { sshSigner } from '../testing/test-signers.ts';
import { assertBaseAllowed, checkBaseFiles } from './check-base.ts';
import { licenceOf } from './licence-of.ts';

const [publisher, trainer] = [sshSigner(), sshSigner()];
let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'espalier-base-'));
  await writeFile(join(dir, 'config.json'), '{"license": "Apache-2.0"}');
  await writeFile(join(dir, 'model.safetensors'), 'weights');
});
afterEach(() => rm(dir, { recursive: true }));

function policy(bases: string): Promise<Policy> {
  const signers = [`{ name: publisher, key: ${publisher.publicKey}, adapters: [none] }`];
  signers.push(`{ name: trainer, key: ${trainer.publicKey}, adapters: ['*'] }`);
  return parsePolicy(`signers: [${signers.join(', ')}]\nbases: ${bases}`, 'p', () => Promise.reject(new Error('none')));
}

async function sign(signer = publisher, namespace = 'espalier-base'): Promise<void> {
  const files = new Map<string, string>();
  for (const name of await filesToSign(dir)) files.set(name, await hashOfFile(join(dir, name)));
  const text = formatStatement({ name: undefined, base: undefined, files });
  await writeFile(join(dir, 'manifest.json'), text);
  await writeFile(join(dir, 'manifest.json.sig'), signer.sign(Buffer.from(text), namespace));
}

const signed = '{ signed_by: [publisher] }';

describe('checkBaseFiles', () => {
  it('takes a base that its publisher signed, and says so', async () => {
    await sign();
    expect(await checkBaseFiles(await policy(signed), dir)).toEqual({ licence: 'apache-2.0', signer: 'publisher' });
  });

  const faults: Readonly<Record<string, readonly [() => Promise<unknown>, string]>> = {
    'no signature': [async () => undefined, 'SIGNATURE_MISSING'],
    'the signature of somebody else': [() => sign(trainer), 'BASE_NOT_ALLOWED'],
    'the signature of an adapter': [() => sign(publisher, 'espalier-adapter'), 'SIGNATURE_WRONG'],
    'weights that were changed after': [
      () => sign().then(() => writeFile(join(dir, 'model.safetensors'), 'others')),
      'STORE_CHECKSUM_MISMATCH',
    ],
    'a listed file that is gone': [() => sign().then(() => rm(join(dir, 'config.json'))), 'STORE_CHECKSUM_MISMATCH'],
    'a file beside the list': [
      () => sign().then(() => writeFile(join(dir, 'tokenizer.json'), '{}')),
      'STATEMENT_INCOMPLETE',
    ],
  };
  it.each(Object.entries(faults))('refuses %s', async (_what, [prepare, code]) => {
    await prepare();
    await expect(checkBaseFiles(await policy(signed), dir)).rejects.toMatchObject({ code });
  });

  it('refuses a licence that the policy does not list, and a base that names none', async () => {
    const rules = await policy('{ licences: [MIT] }');
    await expect(checkBaseFiles(rules, dir)).rejects.toThrow('its licence is apache-2.0');
    await writeFile(join(dir, 'config.json'), '{}');
    await expect(checkBaseFiles(rules, dir)).rejects.toThrow('name no licence');
    await writeFile(join(dir, 'README.md'), '---\nlicense: mit\n---\n# A model\n');
    expect((await checkBaseFiles(rules, dir)).licence).toBe('mit');
  });

  it('refuses a fingerprint that the policy does not list', async () => {
    const [known, other] = [`checkpoint-1:${'a'.repeat(64)}`, `checkpoint-1:${'b'.repeat(64)}`];
    const rules = await policy(`{ allowed: ['${known}'] }`);
    expect(() => assertBaseAllowed(rules, known, dir)).not.toThrow();
    expect(() => assertBaseAllowed(rules, other, dir)).toThrow(expect.objectContaining({ code: 'BASE_NOT_ALLOWED' }));
  });
});

describe('licenceOf', () => {
  it.each([
    [{ card: '---\nlicense: MIT\n---\n' }, 'mit'],
    [{ card: '---\r\nlicense: mit\r\n---\r\n', config: '{"license": "mit"}' }, 'mit'],
    [{ card: '---\nlicense: mit\n---\n', config: '{"license": "other"}' }, undefined],
    [{ card: 'license: mit' }, undefined],
    [{ card: '---\nlicense: [mit]\n---\n' }, undefined],
    [{ card: '---\n&a [*a, *a]\n---\n' }, undefined],
    [{ config: 'license: mit' }, undefined],
    [{}, undefined],
  ])('of %j is %s', (texts, licence) => {
    expect(licenceOf(texts)).toBe(licence);
  });
});
