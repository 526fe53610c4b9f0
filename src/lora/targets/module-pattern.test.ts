import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { matchPattern } from './module-pattern.ts';

const paths = ['a.b.q_proj', 'a.b.k_proj', 'q_proj', 'a.xq_proj', 'a.b.10.q_proj'];

describe('matchPattern', () => {
  it.each([
    ['q_proj', false, ['q_proj']],
    ['q_proj', true, ['a.b.q_proj', 'q_proj', 'a.b.10.q_proj']],
    ['b.q_proj', true, ['a.b.q_proj']],
    ['q_proj|k_proj', true, ['a.b.q_proj', 'a.b.k_proj', 'q_proj', 'a.b.10.q_proj']],
    ['.*q_proj', false, ['a.b.q_proj', 'q_proj', 'a.xq_proj', 'a.b.10.q_proj']],
    ['a\\.b\\.\\d+\\.q_proj', false, ['a.b.10.q_proj']],
    ['(\\w+\\.)*q_proj', false, ['a.b.q_proj', 'q_proj', 'a.b.10.q_proj']],
    ['.*b.*[0-9]+.*', false, ['a.b.10.q_proj']],
    ['(?P<x>a)\\.b\\.q_(?P=x)?proj', false, ['a.b.q_proj']],
    ['', false, []],
  ])('reads %s (end: %s) as PEFT does', (pattern, orEnd, expected) => {
    expect(matchPattern(pattern, paths, { orEnd })).toEqual(expected);
  });

  it('fits any text that is written without special characters to itself alone', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^\w{1,8}$/), fc.stringMatching(/^\w{1,8}$/), (one, other) => {
        expect(matchPattern(one, [one, other, `x.${one}`])).toEqual(one === other ? [one, one] : [one]);
      }),
    );
  });

  it.each(['(a+)+!', '(.|a)*!', '(([a-z._0-9])+)+!', '(a|a)+(a|a)+!'])(
    'stops %s instead of running for years',
    (pattern) => {
      const path = 'a'.repeat(60);
      const match = (): string[] => matchPattern(pattern, [path]);
      expect(match).toThrow(expect.objectContaining({ code: 'LORA_PATTERN_INVALID' }));
    },
  );
});
