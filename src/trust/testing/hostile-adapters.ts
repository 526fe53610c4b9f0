import { createHash } from 'node:crypto';
import { createAuthority } from '../authority.ts';
import { assertListed, type SignedList } from '../policy/decide-adapter.ts';
import type { Policy } from '../policy/policy.ts';
import { parsePolicy } from '../policy/parse-policy.ts';
import { EspalierError } from '../../core/index.ts';
import { minisigner, sshSigner } from './test-signers.ts';

/** An adapter as it comes: a name, files, and what is said of them. */
export interface Arrival {
  readonly name: string;
  readonly files: Readonly<Record<string, string>>;
  readonly list: SignedList | undefined;
  readonly version?: string;
}

export const base = `checkpoint-1:${'b'.repeat(64)}`;
const otherBase = `checkpoint-1:${'c'.repeat(64)}`;
export const revokedVersion = 'e'.repeat(64);
const seed = (letter: string): Uint8Array => Buffer.alloc(32, letter);

/** The people of the tests. The policy knows all but the stranger. */
const people = {
  trainer: minisigner(seed('t')),
  partner: sshSigner(seed('p')),
  former: sshSigner(seed('f')),
  elsewhere: minisigner(seed('e')),
  stranger: minisigner(seed('s')),
  foreigner: sshSigner(seed('g')),
};

const policyText = `
signers:
  - { name: trainer, key: "${people.trainer.publicKey}", adapters: ['risk-*', 'support'] }
  - { name: partner, key: "${people.partner.publicKey}", adapters: ['partner/*'] }
  - { name: former, key: "${people.former.publicKey}", adapters: ['*'], until: 2026-01-31 }
  - { name: elsewhere, key: "${people.elsewhere.publicKey}", adapters: ['*'], bases: ['${otherBase}'] }
adapters: { revoked: ['${revokedVersion}'] }
`;

export const now = Date.parse('2026-11-30');

export function testPolicy(): Promise<Policy> {
  return parsePolicy(policyText, 'policy.yaml', () => Promise.reject(new Error('no file')));
}

const content = { 'adapter_config.json': '{"r": 8}', 'adapter_model.safetensors': 'weights' };
const hash = (text: string): string => createHash('sha256').update(text).digest('hex');
const sumsOf = (files: Readonly<Record<string, string>>): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(files).map(([name, text]) => [name, hash(text)]));

type Person = keyof typeof people;

interface Signing {
  readonly by?: Person;
  readonly name?: string;
  readonly namespace?: string;
  readonly fields?: Readonly<Record<string, unknown>>;
  /** The text of the list, in the place of the one of the files. */
  readonly text?: string;
  readonly file?: string;
}

function arrival({ by = 'trainer', name = 'support', namespace, fields = {}, text, file }: Signing = {}): Arrival {
  const written = text ?? JSON.stringify({ files: sumsOf(content), ...fields });
  const bytes = Buffer.from(written);
  const { ending, sign } = people[by];
  const list = file ?? 'manifest.json';
  const signature = { file: `${list}${ending}`, text: sign(bytes, namespace) };
  return { name, files: content, list: { file: list, bytes, signature } };
}

function without(one: Arrival): Arrival {
  return { ...one, list: one.list && { ...one.list, signature: undefined } };
}

/** Another list under the signature of the first. */
function exchanged(one: Arrival, text: string): Arrival {
  return { ...one, list: one.list && { ...one.list, bytes: Buffer.from(text) } };
}

function signedAs(one: Arrival, text: string): Arrival {
  return { ...one, list: one.list && { ...one.list, signature: { file: 'manifest.json.sig', text } } };
}

/** What must be taken, so that refusing everything is wrong too. */
export const honest: Readonly<Record<string, Arrival>> = {
  'an adapter of the trainer': arrival(),
  'one bound to its name and base': arrival({ fields: { name: 'support', base } }),
  'a name that a pattern has': arrival({ name: 'risk-strict' }),
  'an SSH signature': arrival({ by: 'partner', name: 'partner/tone' }),
  'a list of sha256sum': arrival({
    file: 'SHA256SUMS',
    text: Object.entries(sumsOf(content))
      .map(([name, sum]) => `${sum}  ${name}\n`)
      .join(''),
  }),
};

const moreFiles = { ...content, 'tokenizer.json': '{}' };

/** What must not be taken, with the code of its refusal. */
export const hostile: Readonly<Record<string, readonly [Arrival, string]>> = {
  'no list at all': [{ name: 'support', files: content, list: undefined }, 'SIGNATURE_MISSING'],
  'a list that nobody signed': [without(arrival()), 'SIGNATURE_MISSING'],
  'the signature of a stranger': [arrival({ by: 'stranger' }), 'SIGNER_UNKNOWN'],
  'the SSH signature of a stranger': [arrival({ by: 'foreigner' }), 'SIGNER_UNKNOWN'],
  'a name that is not the signer’s': [arrival({ name: 'billing' }), 'SIGNER_NOT_ALLOWED'],
  'a partner under a name of the house': [arrival({ by: 'partner', name: 'support' }), 'SIGNER_NOT_ALLOWED'],
  'a key that is no longer good': [arrival({ by: 'former' }), 'SIGNER_NOT_ALLOWED'],
  'a signer for other bases': [arrival({ by: 'elsewhere' }), 'SIGNER_NOT_ALLOWED'],
  'a list bound to another name': [arrival({ name: 'risk-strict', fields: { name: 'support' } }), 'STATEMENT_OF_OTHER'],
  'a list bound to another base': [arrival({ fields: { base: otherBase } }), 'STATEMENT_OF_OTHER'],
  'another list under an old signature': [
    exchanged(arrival(), JSON.stringify({ files: sumsOf({ ...content, 'adapter_config.json': '{"r": 9}' }) })),
    'SIGNATURE_WRONG',
  ],
  'a signature for Git': [arrival({ by: 'partner', name: 'partner/tone', namespace: 'git' }), 'SIGNATURE_WRONG'],
  'a signature for a base': [
    arrival({ by: 'partner', name: 'partner/tone', namespace: 'espalier-base' }),
    'SIGNATURE_WRONG',
  ],
  'a text in the place of a signature': [signedAs(arrival(), 'signed, the trainer'), 'SIGNATURE_INVALID'],
  'weights that were changed after': [
    { ...arrival(), files: { ...content, 'adapter_model.safetensors': 'others' } },
    'STORE_CHECKSUM_MISMATCH',
  ],
  'a file that nobody vouches for': [{ ...arrival(), files: moreFiles }, 'STATEMENT_INCOMPLETE'],
  'a signed list that is no JSON': [arrival({ text: '{"files": ' }), 'STATEMENT_INVALID'],
  'a signed list without files': [arrival({ text: '{"files": {}}' }), 'STATEMENT_INVALID'],
  'a signed list with a hash that is none': [arrival({ text: '{"files": {"a": "0"}}' }), 'STATEMENT_INVALID'],
  'a signed list with a field that nobody knows': [arrival({ fields: { nmae: 'support' } }), 'STATEMENT_INVALID'],
  'a signed list with a file twice': [
    arrival({ text: `{"files": {"a": "${hash('a')}", "a": "${hash('b')}"}}` }),
    'STATEMENT_INVALID',
  ],
  'a signed list with a file twice, once escaped': [
    arrival({ text: `{"files": {"a": "${hash('a')}", "\\u0061": "${hash('b')}"}}` }),
    'STATEMENT_INVALID',
  ],
  'a revoked version': [{ ...arrival(), version: revokedVersion }, 'ADAPTER_REVOKED'],
};

/** Whether an adapter is let in: throws where it is not. */
export type Gate = (policy: Policy, arrival: Arrival) => void;

export const rightGate: Gate = (policy, { name, files, list, version }) => {
  const authority = createAuthority(() => policy, { base, now: () => now });
  const { statement } = authority.vouch(name, list);
  if (statement !== undefined) {
    assertListed(statement, Object.keys(files), list?.file ?? '');
    compare(statement.files, files);
  }
  authority.assertNotRevoked(name, version ?? 'f'.repeat(64));
};

export function compare(sums: ReadonlyMap<string, string>, files: Readonly<Record<string, string>>): void {
  for (const [path, expected] of sums) {
    const actual = hash(files[path] ?? '');
    if (actual !== expected) {
      throw new EspalierError('STORE_CHECKSUM_MISMATCH', { path, manifest: 'manifest.json', expected, actual });
    }
  }
}
