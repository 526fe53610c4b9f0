import { createHash } from 'node:crypto';
import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { parseKeys } from './read-keys.ts';

const secret = 'sk-very-secret-1';
const hash = createHash('sha256').update(secret).digest('hex');

describe('parseKeys', () => {
  it.each([
    `- {name: acme, key: ${secret}, models: [acme/*, base]}\n- {name: ops, sha256: ${'A'.repeat(64)}, models: "*", admin: true}\n- {name: eyes, sha256: ${'b'.repeat(64)}, models: base, roles: [infer, read]}`,
    JSON.stringify([
      { name: 'acme', key: secret, models: ['acme/*', 'base'] },
      { name: 'ops', sha256: 'a'.repeat(64), models: ['*'], roles: 'admin' },
      { name: 'eyes', sha256: 'b'.repeat(64), models: ['base'], roles: ['read', 'infer'] },
    ]),
  ])('reads YAML and JSON: %s', (text) => {
    const keys = parseKeys(text, 'keys.yaml');
    expect(keys.map(({ name, sha256, roles }) => [name, sha256, [...roles].toSorted()])).toEqual([
      ['acme', hash, ['infer']],
      ['ops', 'a'.repeat(64), ['admin']],
      ['eyes', 'b'.repeat(64), ['infer', 'read']],
    ]);
    const seen = keys.map(({ scope }) => ['acme/x', 'base', 'beta/x'].filter((name) => scope.sees(name)));
    expect(seen).toEqual([['acme/x', 'base'], ['acme/x', 'base', 'beta/x'], ['base']]);
  });

  it('reads a list without keys', () => expect(parseKeys('[]', 'keys.yaml')).toEqual([]));

  const good = `{name: acme, key: ${secret}, models: [a]}`;
  it.each([
    ['', 'a list of keys is expected'],
    ['# nothing', 'a list of keys is expected'],
    [`keys: [${good}]`, 'a list of keys is expected'],
    [`- ${good}\n- {name: b, key: ${secret}`, 'line 2 cannot be read as YAML (BAD_INDENT)'],
    [`- ${good}\n---\n- ${good}`, 'line 2 cannot be read as YAML (MULTIPLE_DOCS)'],
    [`- &a ${good}\n- *a`, 'it cannot be read as YAML'],
    [`- ${secret}`, 'key 1: a mapping such as {name: acme, sha256: ..., models: ["acme/*"]} is expected'],
    [`- {key: ${secret}, models: [a]}`, 'key 1: name: a name is expected'],
    [`- {name: a b, key: ${secret}, models: [a]}`, 'key 1: name: letters, digits'],
    [`- {name: acme, models: [a]}`, 'key 1 (acme): either key or sha256 is expected'],
    [`- {name: acme, key: ${secret}, sha256: ${hash}, models: [a]}`, 'key 1 (acme): either key or sha256 is expected'],
    ['- {name: acme, key: 12345678, models: [a]}', 'key 1 (acme): key: a text is expected; put it into quotation'],
    ['- {name: acme, key: short, models: [a]}', 'key 1 (acme): key: 8 to 512 printable'],
    [`- {name: acme, sha256: ${secret}, models: [a]}`, 'key 1 (acme): sha256: 64 hexadecimal digits are expected'],
    [`- {name: acme, key: ${secret}}`, 'key 1 (acme): models: a list of names is expected'],
    [`- {name: acme, key: ${secret}, models: []}`, 'key 1 (acme): models: a name at least is expected'],
    [`- {name: acme, key: ${secret}, models: [7]}`, 'key 1 (acme): models.0: a name is expected'],
    [`- {name: acme, key: ${secret}, models: [a], admin: 1}`, 'key 1 (acme): admin: true or false is expected'],
    [`- {name: acme, key: ${secret}, models: [a], roles: []}`, 'key 1 (acme): roles: of infer, read, admin one or'],
    [
      `- {name: acme, key: ${secret}, models: [a], roles: [${secret}]}`,
      'key 1 (acme): roles.0: of infer, read, admin one',
    ],
    [
      `- {name: acme, key: ${secret}, models: [a], roles: read, admin: true}`,
      'key 1 (acme): either admin or roles is expected',
    ],
    [`- {name: acme, key: ${secret}, models: [a], ${secret}: 1}`, 'key 1 (acme): it has a field that is not known'],
    [`- ${good}\n- {name: acme, key: ${secret}2, models: [a]}`, 'two keys have the name acme'],
    [`- ${good}\n- {name: b, sha256: ${hash.toUpperCase()}, models: [a]}`, 'the key of b is listed twice'],
  ])('refuses %j as a whole, and repeats no key', (text, problem) => {
    let thrown: unknown;
    try {
      parseKeys(text, 'keys.yaml');
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toMatchObject({ code: 'KEYS_FILE_INVALID', details: { path: 'keys.yaml' } });
    expect(String(thrown)).toContain(problem);
    const told = inspect(thrown, { depth: 9 });
    expect([told.includes(secret), told.includes(hash)]).toEqual([false, false]);
  });
});
