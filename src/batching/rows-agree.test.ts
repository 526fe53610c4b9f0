import { describe, expect, it } from 'vitest';
import { tensorOf, type DataType } from '../tensor/index.ts';
import { answersAgree } from './rows-agree.ts';

const agree = (dtype: DataType, a: number[], b: number[]): Promise<boolean> =>
  answersAgree(new Map([['y', tensorOf(dtype, [a.length], a)]]), new Map([['y', tensorOf(dtype, [b.length], b)]]));

describe('answersAgree', () => {
  it.each([
    { dtype: 'float32', a: [1, 1000], b: [1.00001, 1000.0001] },
    { dtype: 'float32', a: [1, Infinity, NaN], b: [1, Infinity, NaN] },
    { dtype: 'float32', a: [0, 0], b: [0, 0] },
    { dtype: 'float64', a: [0.1], b: [0.1] },
    { dtype: 'float16', a: [1, 2], b: [1.001, 2] },
    { dtype: 'int64', a: [3, 4], b: [3, 4] },
  ] as const)('lets $dtype $a be $b', async ({ dtype, a, b }) => {
    expect(await agree(dtype, [...a], [...b])).toBe(true);
  });

  it.each([
    { dtype: 'float32', a: [1, 2], b: [1, 2.01] },
    { dtype: 'float32', a: [1, Infinity], b: [1, 2] },
    { dtype: 'float32', a: [1, NaN], b: [1, 2] },
    { dtype: 'float64', a: [1], b: [1.0001] },
    { dtype: 'int64', a: [3, 4], b: [3, 5] },
    { dtype: 'int64', a: [3, 4], b: [3] },
  ] as const)('does not let $dtype $a be $b', async ({ dtype, a, b }) => {
    expect(await agree(dtype, [...a], [...b])).toBe(false);
  });

  it('misses an output that is not there', async () => {
    expect(await answersAgree(new Map([['y', tensorOf('int8', [1], [1])]]), new Map())).toBe(false);
  });
});
