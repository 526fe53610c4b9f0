import { describe, expect, it, vi } from 'vitest';

import { TokenQueue } from './token-queue.ts';

describe('TokenQueue', () => {
  it('keeps what a slow reader has not read yet, in order', async () => {
    const queue = new TokenQueue<number>(() => undefined);
    for (const item of [1, 2, 3]) queue.push(item);
    queue.end();
    const read: number[] = [];
    for await (const item of queue) read.push(item);
    expect(read).toEqual([1, 2, 3]);
  });

  it('wakes a reader that came first', async () => {
    const queue = new TokenQueue<number>(() => undefined);
    const next = queue.next();
    queue.push(7);
    expect(await next).toEqual({ value: 7, done: false });
  });

  it('tells its error once, and is then at its end', async () => {
    const queue = new TokenQueue<number>(() => undefined);
    queue.push(1);
    queue.fail(new Error('broken'));
    await expect(queue.next()).rejects.toThrow('broken');
    expect(await queue.next()).toEqual({ value: undefined, done: true });
  });

  it('tells its error to a reader that waits', async () => {
    const queue = new TokenQueue<number>(() => undefined);
    const next = queue.next();
    queue.fail(new Error('broken'));
    await expect(next).rejects.toThrow('broken');
    expect(await queue.next()).toEqual({ value: undefined, done: true });
  });

  it('calls back when its reader stops early, and not when it reads to the end', async () => {
    const [stopped, finished] = [vi.fn<() => void>(), vi.fn<() => void>()];
    const early = new TokenQueue<number>(stopped);
    early.push(1);
    for await (const item of early) if (item === 1) break;
    const late = new TokenQueue<number>(finished);
    late.push(1);
    late.end();
    for await (const item of late) expect(item).toBe(1);
    expect([stopped.mock.calls.length, finished.mock.calls.length]).toEqual([1, 0]);
  });
});
