import { describe, expect, it } from 'vitest';
import type { Access } from '../door/access.ts';
import { opens, type Role } from './role.ts';

describe('opens', () => {
  it.each<[held: Role[], looks: Access[], others: Access[]]>([
    [[], ['public'], ['public']],
    [['infer'], ['public', 'inference'], ['public', 'inference']],
    [['read'], ['public', 'inference', 'read'], ['public', 'read']],
    [
      ['infer', 'read'],
      ['public', 'inference', 'read'],
      ['public', 'inference', 'read'],
    ],
    [['admin'], ['public', 'inference', 'read', 'admin'], ['public', 'inference', 'read', 'admin']],
  ])('%j: GET opens %j, everything else %j', (held, looks, others) => {
    const levels: Access[] = ['public', 'inference', 'read', 'admin'];
    const opened = (method: string): Access[] => levels.filter((access) => opens(new Set(held), { access, method }));
    expect([opened('GET'), opened('POST')]).toEqual([looks, others]);
  });
});
