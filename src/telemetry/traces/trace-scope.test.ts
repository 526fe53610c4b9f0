import { describe, expect, it } from 'vitest';
import { TraceScope } from './trace-scope.ts';

const [one, other] = [{ name: 'one' }, { name: 'other' }];
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Node marks promises while a hook follows them. */
const isFollowed = (): boolean => Object.getOwnPropertySymbols(new Promise(() => undefined)).length > 0;

describe('the scope of a trace', () => {
  it('holds for what its work awaits, for each work by itself', async () => {
    const scope = new TraceScope<object>();
    const seen = async (trace: object): Promise<unknown> =>
      scope.run(trace, async () => {
        await turn();
        return [scope.current];
      });
    expect(await Promise.all([seen(one), seen(other)])).toEqual([[one], [other]]);
    expect(scope.current).toBeUndefined();
  });

  it('ends with its work, also for what the work has begun and not awaited', async () => {
    const scope = new TraceScope<object>();
    let left: Promise<unknown> = Promise.resolve();
    const stay = scope.run(other, () => turn().then(turn));
    await scope.run(one, async () => {
      left = turn().then(() => scope.current ?? 'none');
    });
    expect(await left).toBe('none');
    await stay;
  });

  it('ends with work that fails, at once or later, and gives its error', async () => {
    const scope = new TraceScope<object>();
    const fail = (): never => {
      throw new RangeError('failed');
    };
    expect(() => scope.run(one, fail)).toThrow('failed');
    await expect(scope.run(one, async () => fail())).rejects.toThrow('failed');
    expect(scope.current).toBeUndefined();
    expect(scope.run(other, () => scope.current)).toBe(other);
  });

  it('costs other work nothing while nothing is in it', async () => {
    const scope = new TraceScope<object>();
    const before = isFollowed();
    await scope.run(one, turn);
    await turn();
    expect([before, isFollowed()]).toEqual([false, false]);
  });
});
