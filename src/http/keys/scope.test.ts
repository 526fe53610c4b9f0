import { describe, expect, it } from 'vitest';
import { createScope, everyName, seesAdapter } from './scope.ts';

describe('createScope', () => {
  it.each<[listed: string[], seen: string[], hidden: string[]]>([
    [['acme'], ['acme'], ['acme2', 'Acme', 'acm', 'acme/x', '']],
    [['acme/*'], ['acme/x', 'acme/x/y', 'acme/'], ['acme', 'acme2/x', 'x/acme/x', 'acme/x:beta']],
    [['*-v2'], ['a-v2', '-v2'], ['a-v2x', 'a:b-v2']],
    [['a*b*c'], ['abc', 'axbxc', 'abbc', 'abcc'], ['ac', 'acb', 'abxcx', 'a:bc']],
    [['a*a'], ['aa', 'aba'], ['a']],
    [['digits:*'], ['digits:x'], ['digits', 'digits:x:y', 'other:digits:x']],
    [['*'], ['', 'a', 'a:b', 'a/b'], []],
    [
      ['ft:base:acme-*:*', 'ft:base::x7', 'plain'],
      ['ft:base:acme-a:x7', 'ft:base:acme-a:x7:ckpt-step-20', 'ft:base::x7:ckpt-step-1'],
      ['ft:base:other:x7:ckpt-step-20', 'ft:base::x8:ckpt-step-1', 'plain:ckpt-step-1', 'ft:base::x7:other'],
    ],
    [['a.c', 'b'], ['a.c', 'b'], ['abc']],
  ])('%j', (listed, seen, hidden) => {
    const scope = createScope(listed);
    expect([...seen, ...hidden].filter((name) => scope.sees(name))).toEqual(seen);
  });

  it('takes a time that grows with the name only', () => {
    const scope = createScope([`${'a*'.repeat(200)}b`]);
    const began = performance.now();
    expect(scope.sees('a'.repeat(100_000))).toBe(false);
    expect(performance.now() - began).toBeLessThan(1000);
  });

  it('knows every name by * alone', () => expect(createScope(['a', '*'])).toBe(everyName));
});

describe('seesAdapter', () => {
  it.each([
    { listed: ['x'], isBase: true, sees: true },
    { listed: ['x'], isBase: false, sees: false },
    { listed: ['m:x'], isBase: false, sees: true },
    { listed: ['m:*'], isBase: true, sees: true },
    { listed: ['m', 'm*'], isBase: true, sees: false },
  ])('$listed, of the base: $isBase', ({ listed, isBase, sees }) => {
    expect(seesAdapter(createScope(listed), { model: 'm', adapter: 'x', isBase })).toBe(sees);
  });
});
