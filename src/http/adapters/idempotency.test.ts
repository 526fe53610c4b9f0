import { describe, expect, it } from 'vitest';
import { IdempotentAnswers } from './idempotency.ts';

describe('the answers to repeated requests', () => {
  it('are as many as the limit; those that go on are never forgotten', async () => {
    const answers = new IdempotentAnswers<string>({ clock: { now: () => 0 }, limit: 2 });
    let finish: (value: string) => void = () => undefined;
    const slow = answers.answer({ key: 'slow', content: '' }, () => new Promise((resolve) => (finish = resolve)));
    const ask = async (key: string): Promise<boolean> => {
      return (await answers.answer({ key, content: '' }, () => Promise.resolve('new'))).isRepeated;
    };
    expect([await ask('a'), await ask('a'), await ask('b'), await ask('a')]).toEqual([false, true, false, false]);
    await expect(ask('slow')).rejects.toMatchObject({ code: 'IDEMPOTENCY_KEY_BUSY' });
    finish('done');
    expect((await slow).value).toBe('done');
  });
});
