import { describe, expect, it } from 'vitest';
import { callerOf } from './caller.ts';

describe('callerOf', () => {
  it.each([
    { body: {}, user: undefined },
    { body: { user: 'ann' }, user: 'ann' },
    { body: { safety_identifier: 'hash', user: 'ann' }, user: 'hash' },
    { body: { safety_identifier: '', user: 'ann' }, user: 'ann' },
    { body: { safety_identifier: null, user: 7 }, user: undefined },
    { body: { user: 'x'.repeat(1_000_000) }, user: 'x'.repeat(128) },
  ])('$#: the key, and the user that the body names', ({ body, user }) => {
    expect(callerOf({ ip: '10.0.0.1', keyHolder: undefined, trace: undefined }, body)).toEqual({
      key: '10.0.0.1',
      ...(user === undefined ? {} : { user }),
    });
  });
});
