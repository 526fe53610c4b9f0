import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { changeKeyOf, watchKeyOf } from './server-options.ts';

beforeEach(() => {
  for (const name of ['ADMIN', 'READ', 'API']) vi.stubEnv(`ESPALIER_${name}_KEY`, '');
});
afterEach(() => vi.unstubAllEnvs());

it('changes with no key that only looks', () => {
  vi.stubEnv('ESPALIER_READ_KEY', 'read');
  expect([watchKeyOf(undefined), changeKeyOf(undefined)]).toEqual(['read', undefined]);
  vi.stubEnv('ESPALIER_API_KEY', 'api');
  expect([watchKeyOf(undefined), changeKeyOf(undefined)]).toEqual(['read', 'api']);
  vi.stubEnv('ESPALIER_ADMIN_KEY', 'admin');
  expect([watchKeyOf(undefined), changeKeyOf(undefined)]).toEqual(['admin', 'admin']);
  expect([watchKeyOf('given'), changeKeyOf('given')]).toEqual(['given', 'given']);
});
