import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ensureThreadPool } from './thread-pool.ts';

const before = process.env['UV_THREADPOOL_SIZE'];
beforeEach(() => delete process.env['UV_THREADPOOL_SIZE']);
afterEach(() => {
  if (before === undefined) delete process.env['UV_THREADPOOL_SIZE'];
  else process.env['UV_THREADPOOL_SIZE'] = before;
});

describe('ensureThreadPool', () => {
  it("adds the runs to Node's own four threads", () => {
    expect(ensureThreadPool(2)).toBe(6);
    expect(process.env['UV_THREADPOOL_SIZE']).toBe('6');
  });

  it('never makes the pool smaller than it was set', () => {
    process.env['UV_THREADPOOL_SIZE'] = '32';
    expect(ensureThreadPool(2)).toBe(32);
  });
});
