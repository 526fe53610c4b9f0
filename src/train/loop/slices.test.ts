import { describe, expect, it } from 'vitest';
import { inSlices } from './slices.ts';

describe('inSlices', () => {
  it('visits every element once, in order', async () => {
    const seen: number[] = [];
    await inSlices(100_000, (start, end) => seen.push(start, end));
    expect(seen[0]).toBe(0);
    expect(seen.at(-1)).toBe(100_000);
    for (let i = 2; i < seen.length; i += 2) expect(seen[i]).toBe(seen[i - 1]);
  });

  it('lets the event loop turn between two slices', async () => {
    const order: string[] = [];
    const turning = (): void => {
      order.push('turn');
      if (order.length < 20) setImmediate(turning);
    };
    setImmediate(turning);
    await inSlices(100_000, () => order.push('slice'));
    expect(order.join(' ')).toMatch(/slice turn slice turn slice/);
  });

  it('visits nothing where there is nothing', async () => {
    await inSlices(0, () => expect.unreachable());
  });
});
