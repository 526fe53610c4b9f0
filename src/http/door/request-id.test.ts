import { describe, expect, it } from 'vitest';
import { requestIdOf } from './request-id.ts';

const idFor = (given?: string): string =>
  requestIdOf({ headers: given === undefined ? {} : { 'x-request-id': given } });

describe('the id of a request', () => {
  it.each(['7', 'a1b2-c3:d4_e5.f6', 'x'.repeat(128)])('is that of the caller: %s', (id) => {
    expect(idFor(id)).toBe(id);
  });

  it.each([undefined, '', 'two words', 'a\nb', '{"a":1}', 'é', 'x'.repeat(129)])('is a new one for %j', (given) => {
    expect(idFor(given)).toMatch(/^[\da-f-]{36}$/);
    expect(idFor(given)).not.toBe(idFor(given));
  });
});
