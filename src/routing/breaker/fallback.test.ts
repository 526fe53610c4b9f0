import { describe, expect, it } from 'vitest';
import type { Admission, CallResult } from './breaker.ts';
import { decideAnswer, decideRetry, readFallback, type AliasState, type Candidate, type Fallback } from './fallback.ts';

const admit: Admission = { kind: 'admit', epoch: 0 };
const probe: Admission = { kind: 'probe', epoch: 2 };
const refuse: Admission = { kind: 'refuse', retryAt: 500 };

const candidate = (version: string, admission: Admission): Candidate => ({ version, admit: () => admission });

const state = (fallback: Fallback, now: Admission, before?: Admission): AliasState => ({
  fallback,
  chosen: candidate('new', now),
  previous: before && candidate('old', before),
});

const none = { kind: 'none', retryAt: 500 };
const toOld = { from: 'new', to: 'old', reason: 'breaker open' };

describe('who answers', () => {
  it.each<readonly [string, AliasState, unknown]>([
    ['the version that is admitted', state('error', admit), { kind: 'version', version: 'new', admitted: admit }],
    ['the version that is probed', state('base', probe), { kind: 'version', version: 'new', admitted: probe }],
    [
      'the version before',
      state('previous', refuse, admit),
      { kind: 'version', version: 'old', admitted: admit, fallback: toOld },
    ],
    ['nobody without a version before', state('previous', refuse), none],
    ['nobody if the version before is refused too', state('previous', refuse, refuse), none],
    [
      'nobody if the version before is the same one',
      { ...state('previous', refuse), previous: candidate('new', admit) },
      none,
    ],
    [
      'the base if it is declared',
      state('base', refuse, admit),
      { kind: 'base', fallback: { ...toOld, to: undefined } },
    ],
    ['nobody if an error is declared', state('error', refuse, admit), none],
  ])('is %s', (_, asked, expected) => {
    expect(decideAnswer(asked)).toEqual(expected);
  });

  it('takes no admission of a version that does not answer', () => {
    let asked = 0;
    const previous: Candidate = { version: 'old', admit: () => (asked++, admit) };
    decideAnswer({ fallback: 'previous', chosen: candidate('new', admit), previous });
    decideAnswer({ fallback: 'base', chosen: candidate('new', refuse), previous });
    expect(asked).toBe(0);
  });
});

describe('a failed call', () => {
  const retried = state('previous', admit, admit);
  const failed = { outcome: 'failure', hasStreamed: false, isRetry: false } as const;

  it('is tried again on the fall-back', () => {
    const fallback = { ...toOld, reason: 'call failed' };
    expect(decideRetry(retried, failed)).toEqual({ kind: 'version', version: 'old', admitted: admit, fallback });
  });

  it.each<readonly [string, { outcome: CallResult['outcome']; hasStreamed: boolean; isRetry: boolean }]>([
    ['after the first byte', { ...failed, hasStreamed: true }],
    ['a second time', { ...failed, isRetry: true }],
    ['when the client has gone', { ...failed, outcome: 'cancelled' }],
  ])('is not tried again %s', (_, attempt) => {
    expect(decideRetry(retried, attempt)).toBeUndefined();
  });

  it('is not tried again where nobody else may answer', () => {
    expect([
      decideRetry(state('error', admit, admit), failed),
      decideRetry(state('previous', admit, refuse), failed),
    ]).toEqual([undefined, undefined]);
  });
});

it('refuses a fall-back that it does not know', () => {
  expect(readFallback('base')).toBe('base');
  expect(() => readFallback('older')).toThrow('Expected previous, base, error for fallback, got older.');
});
