import { describe, expect, it } from 'vitest';
import { everyName } from '../../core/index.ts';
import { createAuthority } from '../authority.ts';
import { parseStatement } from '../statement.ts';
import { codeOf } from '../testing/code-of.ts';
import {
  type Arrival,
  base,
  compare,
  type Gate,
  honest,
  hostile,
  now,
  rightGate,
  testPolicy,
} from '../testing/hostile-adapters.ts';
import { assertListed } from './decide-adapter.ts';
import type { Policy } from './policy.ts';

async function outcome(gate: Gate, arrival: Arrival): Promise<string> {
  const policy = await testPolicy();
  try {
    gate(policy, arrival);
    return 'taken';
  } catch (error) {
    return String(codeOf(error));
  }
}

describe('the gate of a policy', () => {
  it.each(Object.entries(honest))('takes %s', async (_what, arrival) => {
    expect(await outcome(rightGate, arrival)).toBe('taken');
  });

  it.each(Object.entries(hostile))('refuses %s', async (_what, [arrival, code]) => {
    expect(await outcome(rightGate, arrival)).toBe(code);
  });

  it('names who signed, and with which key', async () => {
    const policy = await testPolicy();
    const authority = createAuthority(() => policy, { base, now: () => now });
    const { list, name } = honest['an SSH signature'] ?? { list: undefined, name: '' };
    const { signer, key } = authority.vouch(name, list);
    expect([signer, key]).toEqual(['partner', expect.stringMatching(/^ssh SHA256:/)]);
  });

  it('goes on with what was taken in while a key was good', async () => {
    const policy = await testPolicy();
    const authority = createAuthority(() => policy, { base, now: () => now });
    const [former] = hostile['a key that is no longer good'] ?? [];
    const taken = Date.parse('2026-01-31T12:00:00Z');
    expect(authority.vouch('support', former?.list, taken).signer).toBe('former');
  });
});

/** The policy with other rules for all signers. */
const withSigners = (policy: Policy, change: Partial<Policy['signers'][number]>): Policy => ({
  ...policy,
  signers: policy.signers.map((signer) => ({ ...signer, ...change })),
});

const unsigned = { signer: undefined, key: undefined, statement: undefined };
const vouchOf = (policy: Policy): ReturnType<typeof createAuthority> =>
  createAuthority(() => policy, { base, now: () => now });

/** Gates that each forget one thing. The table above must find out every one of them. */
const broken: Readonly<Record<string, Gate>> = {
  'asks for no signature': (policy, arrival) => rightGate({ ...policy, takesUnsigned: true }, arrival),
  'lets everybody sign for every name': (policy, arrival) =>
    rightGate(withSigners(policy, { adapters: everyName }), arrival),
  'never looks at the date': (policy, arrival) => rightGate(withSigners(policy, { until: undefined }), arrival),
  'lets everybody sign for every base': (policy, arrival) =>
    rightGate(withSigners(policy, { bases: undefined }), arrival),
  'takes the key from the signature': (policy, arrival) => {
    try {
      rightGate(policy, arrival);
    } catch (error) {
      if (codeOf(error) !== 'SIGNER_UNKNOWN') throw error;
    }
  },
  'checks no signature': (policy, { list, ...arrival }) => {
    const statement = list?.signature && parseStatement(list.bytes, list.file);
    if (statement === undefined) return rightGate(policy, { list, ...arrival });
    assertListed(statement, Object.keys(arrival.files), '');
    compare(statement.files, arrival.files);
  },
  'compares no file': (policy, { name, files, list }) => {
    const { statement } = vouchOf(policy).vouch(name, list);
    if (statement) assertListed(statement, Object.keys(files), '');
  },
  'lets files come beside the list': (policy, { name, files, list }) => {
    const { statement } = vouchOf(policy).vouch(name, list) ?? unsigned;
    if (statement) compare(statement.files, files);
  },
  'knows no revocation': (policy, arrival) => rightGate({ ...policy, revoked: new Set() }, arrival),
};

describe('a gate that forgets something', () => {
  it.each(Object.entries(broken))('%s, and is found out', async (_what, gate) => {
    const all = Object.values(hostile).map(async ([arrival, code]) => (await outcome(gate, arrival)) === code);
    expect(await Promise.all(all)).toContain(false);
    for (const arrival of Object.values(honest)) expect(await outcome(gate, arrival)).toBe('taken');
  });
});
