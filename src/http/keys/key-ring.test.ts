import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { EspalierError } from '../../core/index.ts';
import type { RequestAccess } from '../door/access.ts';
import { type ApiKeys, KeyRing, type NamedKey } from './key-ring.ts';
import type { Role } from './role.ts';
import { createScope } from './scope.ts';

const named = (name: string, ...roles: Role[]): NamedKey => ({
  name,
  sha256: createHash('sha256').update(`${name}-key`).digest('hex'),
  scope: createScope([`${name}/*`]),
  roles: new Set(roles.length === 0 ? ['infer'] : roles),
});

/** Who a key opens a route for: its name, 'all' for one without a name, or what is wrong with it. */
function opened(ring: KeyRing, access: RequestAccess, key: string | undefined): string {
  try {
    const headers = key === undefined ? {} : { authorization: `Bearer ${key}` };
    return ring.check({ access, method: 'POST', headers }).name ?? 'all';
  } catch (error) {
    return EspalierError.isInstance(error) ? `! ${String(error.details['problem'])}` : 'broken';
  }
}

const missing = '! missing';
const wrong = '! wrong';
const notAdmin = '! not that for administration';

describe('KeyRing', () => {
  it.each<[fixed: ApiKeys, file: NamedKey[] | undefined, key: string | undefined, inference: string, admin: string]>([
    [{}, undefined, undefined, 'all', 'all'],
    [{}, [], undefined, missing, missing],
    [{}, [], 'acme-key', wrong, wrong],
    [{}, [named('acme')], undefined, missing, missing],
    [{}, [named('acme')], 'acme-key', 'acme', notAdmin],
    [{}, [named('acme', 'admin')], 'acme-key', 'acme', 'acme'],
    [{ apiKey: 'k' }, [named('acme')], 'k', 'all', 'all'],
    [{ apiKey: 'k' }, [named('acme')], 'acme-key', 'acme', notAdmin],
    [{ apiKey: 'k' }, [named('acme', 'admin')], 'k', 'all', notAdmin],
    [{ adminKey: 'a' }, undefined, undefined, 'all', missing],
    [{ adminKey: 'a' }, [named('acme')], undefined, missing, missing],
    [{ adminKey: 'a' }, [named('acme')], 'a', 'all', 'all'],
    [{ adminKey: 'a' }, [named('acme')], 'acme-key', 'acme', notAdmin],
  ])('%j and the file %j, with the key %j', (fixed, file, key, inference, admin) => {
    const ring = new KeyRing(fixed);
    if (file) ring.replace(file);
    expect([opened(ring, 'inference', key), opened(ring, 'admin', key)]).toEqual([inference, admin]);
    expect(opened(ring, 'public', key)).toBe('all');
  });

  const [notRead, notInfer] = ['! not one for looking at the server', '! not one for asking models'];

  it.each<
    [
      fixed: ApiKeys,
      file: NamedKey[] | undefined,
      key: string | undefined,
      inference: string,
      read: string,
      admin: string,
    ]
  >([
    [{ readKey: 'r' }, undefined, undefined, 'all', missing, 'all'],
    [{ readKey: 'r' }, undefined, 'r', 'all', 'all', 'all'],
    [{ apiKey: 'k', readKey: 'r' }, undefined, 'k', 'all', notRead, 'all'],
    [{ apiKey: 'k', readKey: 'r' }, undefined, 'r', notInfer, 'all', notAdmin],
    [{ apiKey: 'k' }, undefined, 'k', 'all', 'all', 'all'],
    [{ adminKey: 'a', readKey: 'r' }, undefined, 'r', 'all', 'all', notAdmin],
    [{ adminKey: 'a' }, undefined, undefined, 'all', missing, missing],
    [{ apiKey: 'k', adminKey: 'a' }, undefined, 'k', 'all', notRead, notAdmin],
    [{ readKey: 'a', adminKey: 'a' }, undefined, 'a', 'all', 'all', 'all'],
    [{}, [named('eyes', 'read')], 'eyes-key', notInfer, 'eyes', notAdmin],
    [{}, [named('both', 'read', 'infer')], 'both-key', 'both', 'both', notAdmin],
    [{}, [named('acme')], 'acme-key', 'acme', notRead, notAdmin],
    [{}, [named('ops', 'admin')], 'ops-key', 'ops', 'ops', 'ops'],
    [{ apiKey: 'k' }, [named('eyes', 'read')], 'k', 'all', notRead, 'all'],
  ])('%j and the file %j, with the key %j: by the level of the route', (fixed, file, key, inference, read, admin) => {
    const ring = new KeyRing(fixed);
    if (file) ring.replace(file);
    expect((['inference', 'read', 'admin'] as const).map((access) => opened(ring, access, key))).toEqual([
      inference,
      read,
      admin,
    ]);
  });

  it('lets a key for looking look at models, and ask none', () => {
    const ring = new KeyRing({ apiKey: 'k', readKey: 'r' });
    const headers = { authorization: 'Bearer r' };
    const ask = (method: string): unknown => ring.check({ access: 'inference', method, headers }).name;
    expect([ask('GET'), ask('HEAD')]).toEqual([undefined, undefined]);
    for (const method of ['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'get'])
      expect(() => ask(method)).toThrow('not one for asking models');
  });

  it('replaces all keys of the file at once, and keeps the others', () => {
    const ring = new KeyRing({ apiKey: 'k' });
    ring.replace([named('acme', 'admin')]);
    ring.replace([named('beta')]);
    expect(opened(ring, 'inference', 'acme-key')).toBe(wrong);
    expect(opened(ring, 'inference', 'beta-key')).toBe('beta');
    expect(opened(ring, 'admin', 'k')).toBe('all');
  });
});
