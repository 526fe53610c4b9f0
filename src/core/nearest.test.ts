import { describe, expect, it } from 'vitest';
import { didYouMean, nearest } from './nearest.ts';

describe('nearest', () => {
  it.each([
    ['maxTokens', ['max_tokens', 'min_tokens', 'model'], 'max_tokens'],
    ['strct', ['lenient', 'strict'], 'strict'],
    ['a', ['b', 'abc'], 'b'],
    ['temperature', ['top_p', 'seed'], undefined],
    ['kitten', ['sitting'], undefined],
    ['', ['ab', 'abc'], 'ab'],
    ['rank', ['ranks', 'rank'], 'rank'],
  ])('of %j among %j is %j', (word, candidates, expected) => {
    expect(nearest(word, candidates)).toBe(expected);
  });

  it('gives no hint at the word itself', () => {
    expect([didYouMean('rank', ['rank']), didYouMean('rnk', ['rank'])]).toEqual(['', ' Did you mean rank?']);
  });

  it('never fills a table for a word that is no name', () => {
    const asked: string[] = [];
    const candidates = {
      *[Symbol.iterator]() {
        asked.push('looked');
        yield 'm'.repeat(65);
      },
    };
    expect([nearest('m'.repeat(65), candidates), asked]).toEqual([undefined, []]);
    expect(nearest('m'.repeat(64), candidates)).toBeUndefined();
    expect([didYouMean('m'.repeat(2 ** 23), candidates), asked]).toEqual(['', ['looked']]);
  });
});
