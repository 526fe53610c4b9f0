import { describe, expect, it } from 'vitest';

import { cutAtLastTarget, labelledTokens, nextTokens } from './targets.ts';

describe('nextTokens', () => {
  it('asks each position for the token after it', () => {
    expect(nextTokens([7, 8, 9])).toEqual({ positions: [0, 1], ids: [8, 9] });
  });
  it.each([[[]], [[7]]])('asks for nothing of %j', (tokens) => {
    expect(nextTokens(tokens)).toEqual({ positions: [], ids: [] });
  });
});

describe('labelledTokens', () => {
  it('shifts labels by one and leaves out -100, the first label included', () => {
    expect(labelledTokens([5, -100, 6, 7, -100])).toEqual({ positions: [1, 2], ids: [6, 7] });
  });
});

describe('cutAtLastTarget', () => {
  it('keeps what the last target sees', () => {
    const targets = { positions: [0, 2], ids: [8, 9] };
    expect(cutAtLastTarget({ tokens: [1, 2, 3, 4, 5], targets })).toEqual({ tokens: [1, 2, 3], targets });
  });
  it('keeps nothing where nothing is asked', () => {
    expect(cutAtLastTarget({ tokens: [1, 2], targets: { positions: [], ids: [] } }).tokens).toEqual([]);
  });
});
