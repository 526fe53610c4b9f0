import { describe, expect, it } from 'vitest';

import { prefixRoot } from './prefix-root.ts';

const [digest, other] = ['a'.repeat(64), 'b'.repeat(64)];
const plain = { adapters: [{ name: 'one', version: digest, scale: 1 }], promptLength: 20, scope: '' };

describe('prefixRoot', () => {
  it.each([
    { adapters: [] },
    { adapters: [{ name: 'one', version: other, scale: 1 }] },
    { adapters: [{ name: 'one', version: digest, scale: 0.5 }] },
    { adapters: [...plain.adapters, { name: 'two', version: other, scale: 1 }] },
    { scope: 'key of another' },
  ])('tells %o apart', (change) => {
    expect(prefixRoot({ ...plain, ...change }, {})).not.toBe(prefixRoot(plain, {}));
  });

  it('is one for all names of a version, and for all lengths where these do not matter', () => {
    const adapters = [{ name: 'another name', version: digest, scale: 1 }];
    expect(prefixRoot({ ...plain, adapters, promptLength: 30 }, {})).toBe(prefixRoot(plain, {}));
  });

  it.each([
    { config: { lengthMatters: true, recomputeLength: 30 }, lengths: [20, 30], others: [31, 90] },
    { config: { lengthMatters: true }, lengths: [20], others: [21] },
  ])('has roots by length with $config', ({ config, lengths, others }) => {
    const rootsOf = (all: number[]): Set<string> =>
      new Set(all.map((promptLength) => prefixRoot({ ...plain, promptLength }, config)));
    const [own, rest] = [rootsOf(lengths), rootsOf(others)];
    expect([own.size, rest.size, new Set([...own, ...rest]).size]).toEqual([1, 1, 2]);
  });
});
