import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { addKey } from './add-key.ts';
import { parseKeys } from './read-keys.ts';

const acme = { name: 'acme', models: ['acme/*', 'base'], roles: ['infer'] } as const;
const beta = { name: 'beta', models: ['*'], roles: ['admin', 'read'] } as const;

describe('addKey', () => {
  it.each([
    '',
    '[]',
    '- {name: x, key: key-of-x-1, models: [x]} # of x\n',
    '[{"name": "x", "key": "key-of-x-1", "models": "x"}]',
  ])('adds the hash of a fresh key to %j', (text) => {
    const before = text.length < 3 ? [] : parseKeys(text, 'k');
    const one = addKey(text, acme, 'k');
    const two = addKey(one.text, beta, 'k');
    expect(two.text).not.toContain(one.key);
    expect(one.key).not.toBe(two.key);
    const hashOf = (key: string): string => createHash('sha256').update(key).digest('hex');
    const read = parseKeys(two.text, 'k').map(({ name, sha256, roles }) => [name, sha256, [...roles]]);
    expect(read).toEqual([
      ...before.map(({ name, sha256 }) => [name, sha256, ['infer']]),
      ['acme', hashOf(one.key), ['infer']],
      ['beta', hashOf(two.key), ['admin', 'read']],
    ]);
    expect(two.text.includes('# of x')).toBe(text.includes('# of x'));
    const isJson = (one: string): boolean => /^\[\s*\{/.test(one);
    expect(isJson(two.text)).toBe(isJson(text));
  });

  it.each([
    ['- {name: acme, key: key-of-acme, models: [x]}', acme],
    ['- {', acme],
    ['', { ...acme, name: 'a b' }],
    ['', { ...acme, models: [] }],
  ])('refuses what cannot be added to %j', (text, key) => {
    expect(() => addKey(text, key, 'k')).toThrow(expect.objectContaining({ code: 'KEYS_FILE_INVALID' }));
  });
});
