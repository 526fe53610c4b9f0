import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { EspalierError } from '../../core/index.ts';
import type { RequestAccess } from '../door/access.ts';
import { type ApiKeys, KeyRing, type NamedKey } from './key-ring.ts';
import { createScope } from './scope.ts';

const named = (name: string, isAdmin = false): NamedKey => ({
  name,
  sha256: createHash('sha256').update(`${name}-key`).digest('hex'),
  scope: createScope([`${name}/*`]),
  isAdmin,
});

/** Who a key opens a route for: its name, 'all' for one without a name, or what is wrong with it. */
function opened(ring: KeyRing, access: RequestAccess, key: string | undefined): string {
  try {
    return ring.check(access, key === undefined ? {} : { authorization: `Bearer ${key}` }).name ?? 'all';
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
    [{}, [named('acme', true)], 'acme-key', 'acme', 'acme'],
    [{ apiKey: 'k' }, [named('acme')], 'k', 'all', 'all'],
    [{ apiKey: 'k' }, [named('acme')], 'acme-key', 'acme', notAdmin],
    [{ apiKey: 'k' }, [named('acme', true)], 'k', 'all', notAdmin],
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

  it('replaces all keys of the file at once, and keeps the others', () => {
    const ring = new KeyRing({ apiKey: 'k' });
    ring.replace([named('acme', true)]);
    ring.replace([named('beta')]);
    expect(opened(ring, 'inference', 'acme-key')).toBe(wrong);
    expect(opened(ring, 'inference', 'beta-key')).toBe('beta');
    expect(opened(ring, 'admin', 'k')).toBe('all');
  });
});
