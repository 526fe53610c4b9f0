import { describe, expect, it } from 'vitest';
import { finishInSlices, finishNow, type Steps } from './steps.ts';

function* count(to: number, each: () => void = () => undefined): Steps<number> {
  for (let i = 0; i < to; i++) {
    each();
    yield;
  }
  return to;
}

const spin = (ms: number): void => {
  const end = performance.now() + ms;
  while (performance.now() < end);
};

describe('steps', () => {
  it('give their result at once or in slices', async () => {
    expect(finishNow(count(5))).toBe(5);
    expect(await finishInSlices(count(5))).toBe(5);
  });

  it('let other tasks run between slices, and not where the caller waits', async () => {
    let turns = 0;
    const timer = setInterval(() => turns++, 0);
    finishNow(count(10, () => spin(2)));
    expect(turns).toBe(0);
    await finishInSlices(count(10, () => spin(2)));
    clearInterval(timer);
    expect(turns).toBeGreaterThan(3);
  });

  it('pass errors on', async () => {
    const fail = (): never => {
      throw new RangeError('no');
    };
    expect(() => finishNow(count(1, fail))).toThrow('no');
    await expect(finishInSlices(count(1, fail))).rejects.toThrow('no');
  });
});
