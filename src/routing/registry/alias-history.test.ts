import { describe, expect, it } from 'vitest';
import { type AliasHistory, rollbackTarget, withMove, withRollback } from './alias-history.ts';
import { VersionRecord } from './adapter-version.ts';

function moveTo(digest: string): { version: VersionRecord; time: number; actor: string } {
  const facts = { rank: 1, bytes: 1, isAlone: false, base: undefined, fingerprint: undefined };
  return { version: new VersionRecord({ ...facts, digest, sources: [], created: 0 }), time: 1, actor: 'server' };
}

function after(moves: string, limit = 20): AliasHistory {
  return [...moves].reduce<AliasHistory>((history, digest) => withMove(history, moveTo(digest), limit), []);
}

function rolledBack(history: AliasHistory, to?: string): AliasHistory {
  const target = rollbackTarget(history, to);
  if (target === undefined) throw new Error('nothing to roll back to');
  return withRollback(history, { ...moveTo(target.version.digest), target }, 20);
}

const digests = (history: AliasHistory): string => history.map(({ version }) => version.digest).join('');

describe('the history of a name', () => {
  it('has the latest moves first, and a move to the same version once', () => {
    expect(digests(after('abbc'))).toBe('cba');
    expect(after('abb')[0]?.before).toBe('a');
  });

  it('forgets the oldest moves', () => {
    expect(digests(after('abcd', 2))).toBe('dc');
    expect(rollbackTarget(rolledBack(after('abcd', 2)))).toBeUndefined();
  });

  it('goes back step by step, and never to the version that was left', () => {
    const once = rolledBack(after('abc'));
    const twice = rolledBack(once);
    expect([digests(once), digests(twice)]).toEqual(['bcba', 'abcba']);
    expect(rollbackTarget(twice)).toBeUndefined();
  });

  it('goes on from where it went back to', () => {
    const moved = withMove(rolledBack(after('abc')), moveTo('d'), 20);
    expect(rollbackTarget(moved)?.version.digest).toBe('b');
    expect(rollbackTarget(rolledBack(moved))?.version.digest).toBe('a');
  });

  it('goes to any version that it has, and to no other', () => {
    expect(rollbackTarget(after('abc'), 'a')?.version.digest).toBe('a');
    expect(rollbackTarget(after('abc'), 'z')).toBeUndefined();
    expect(rollbackTarget(after('a'))).toBeUndefined();
    expect(rollbackTarget([])).toBeUndefined();
  });
});
