import { describe, expect, it } from 'vitest';
import { remarkOnEnd } from './remark-on-end.ts';

const request = { tokens: [1, 2], maxTokens: 100 };

describe('remarkOnEnd', () => {
  it.each([
    [
      'an empty answer',
      { count: 1, finishReason: 'stop', isEmpty: true },
      /^The answer is empty: the model ended it at once/,
    ],
    [
      'the end of the context',
      { count: 62, finishReason: 'length', isEmpty: false },
      /after 64 tokens: the prompt has 2, the answer 62. --max-tokens 100 is more than fits/,
    ],
  ])('explains %s', (_, ending, text) => {
    expect(remarkOnEnd(ending, request, 64)).toMatch(text);
  });

  it.each([
    ['stopped', { count: 9, finishReason: 'stop', isEmpty: false }],
    ['is as long as asked for', { count: 100, finishReason: 'length', isEmpty: false }],
  ])('says nothing of an answer that %s', (_, ending) => {
    expect(remarkOnEnd(ending, request, 512)).toBeUndefined();
  });
});
