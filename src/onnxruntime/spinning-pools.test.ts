import { describe, expect, it } from 'vitest';
import { mostSpinningSessions } from '../core/index.ts';
import { SpinningPools, type ThreadPool } from './spinning-pools.ts';

const pool: ThreadPool = { threads: 4, spinUs: 50, denormalsAsZero: false };

describe('SpinningPools', () => {
  it('gives threads to a few sessions, and to others when these are closed', () => {
    const pools = new SpinningPools(pool, '1.30.0');
    const given = Array.from({ length: mostSpinningSessions + 2 }, () => pools.take());
    expect(given.filter((each) => each === pool)).toHaveLength(mostSpinningSessions);
    pools.giveBack();
    expect([pools.take(), pools.take()]).toEqual([pool, undefined]);
  });

  it.each([
    ['one thread has nobody to wait for', { ...pool, threads: 1 }, '1.30.0'],
    ['no wait is asked for', { ...pool, spinUs: 0 }, '1.30.0'],
    ['the library would not end the wait', pool, '1.29.3'],
  ])('gives none where %s', (_, own, version) => {
    expect(new SpinningPools(own, version).take()).toBeUndefined();
  });
});
