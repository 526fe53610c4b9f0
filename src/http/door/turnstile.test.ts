import { describe, expect, it } from 'vitest';
import { breathe } from '../../core/index.ts';
import { Turnstile } from './turnstile.ts';

describe('Turnstile', () => {
  it('lets one pass in each turn, in the order of their coming', async () => {
    const turnstile = new Turnstile();
    const passed: string[] = [];
    const enter = async (name: string): Promise<void> => {
      const turn = turnstile.enter();
      if (turn) await turn;
      passed.push(name);
    };
    const all = ['a', 'b', 'c', 'd'].map(enter);
    const seen: string[] = [];
    for (let turn = 0; turn < 5; turn++) {
      seen.push(passed.join(''));
      await breathe();
    }
    expect(seen).toEqual(['a', 'ab', 'abc', 'abcd', 'abcd']);
    await Promise.all(all);
  });

  it('is open again after a turn in which nobody waited', async () => {
    const turnstile = new Turnstile();
    expect(turnstile.enter()).toBeUndefined();
    expect(turnstile.enter()).toBeInstanceOf(Promise);
    for (let turn = 0; turn < 3; turn++) await breathe();
    expect(turnstile.enter()).toBeUndefined();
  });
});
