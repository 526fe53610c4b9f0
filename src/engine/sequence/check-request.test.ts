import { describe, expect, it } from 'vitest';
import { checkRequest } from './check-request.ts';
import type { GenerationRequest } from './generation-request.ts';
import { parseTokenId } from './token-id.ts';

const check = (options: Partial<GenerationRequest>): void =>
  checkRequest({ tokens: [1], maxTokens: 1, ...options }, { maxLength: 8, vocabulary: 16 });

describe('checkRequest', () => {
  it.each([
    { repetitionPenalty: 0.01 },
    { repetitionPenalty: 100 },
    { logitBias: new Map([[15, -100]]) },
    { stopTokenIds: new Set([0, 15, 2 ** 31 - 1]) },
    { stopTokenIds: [7] },
  ])('takes %o', (options) => {
    expect(() => check(options)).not.toThrow();
  });

  it.each([
    [{ repetitionPenalty: 1e-300 }, 'Expected repetitionPenalty to be a number from 0.01 to 100, got 1e-300.'],
    [{ repetitionPenalty: 1e300 }, 'from 0.01 to 100, got 1e+300.'],
    [{ repetitionPenalty: Number.NaN }, 'from 0.01 to 100, got NaN.'],
    [{ logitBias: new Map([[16, 1]]) }, 'Expected logitBias to be of tokens from 0 to 15, got 16.'],
    [{ logitBias: new Map([[Number.NaN, 1]]) }, 'of tokens from 0 to 15, got NaN.'],
    [{ logitBias: new Map([[3, 101]]) }, 'a number from -100 to 100 for token 3, got 101.'],
    [{ logitBias: new Map([[3, Number.NaN]]) }, 'for token 3, got NaN.'],
    // As an integer of 32 bits it would be 5.
    [{ stopTokenIds: [2 ** 32 + 5] }, 'Expected stopTokenIds to be token ids, got 4294967301.'],
    [{ stopTokenIds: new Set([-1]) }, 'token ids, got -1.'],
    [{ stopTokenIds: [1.5] }, 'token ids, got 1.5.'],
  ])('refuses %o', (options, told) => {
    expect(() => check(options)).toThrow(
      expect.objectContaining({ code: 'GENERATION_OPTION_INVALID', message: expect.stringContaining(told) }),
    );
  });
});

describe('parseTokenId', () => {
  it.each([
    ['0', 0],
    ['2147483647', 2_147_483_647],
  ])('reads %o', (text, id) => {
    expect(parseTokenId(text)).toBe(id);
  });

  it.each(['', ' 5', '-1', '1.5', '1e2', '0x10', '2147483648', '9'.repeat(400), 'a'])('does not read %o', (text) => {
    expect(parseTokenId(text)).toBeUndefined();
  });
});
