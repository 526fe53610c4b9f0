import { describe, expect, it } from 'vitest';
import { assertFinite } from './finite.ts';
import { tensorOf, zerosOf, typedArray } from './tensor-data.ts';

describe('assertFinite', () => {
  it.each(['float16', 'bfloat16', 'float32', 'float64'] as const)(
    'names the first bad element of %s',
    async (dtype) => {
      await expect(assertFinite(tensorOf(dtype, [3], [0, 1, -2]), 'w')).resolves.toBeUndefined();
      for (const bad of [NaN, Infinity, -Infinity]) {
        const message = `w is ${bad} at element 1`;
        await expect(assertFinite(tensorOf(dtype, [3], [0, bad, NaN]), 'w')).rejects.toThrow(message);
      }
    },
  );

  it('takes the largest finite numbers', async () => {
    await expect(assertFinite(tensorOf('float16', [1], [65504]), 'w')).resolves.toBeUndefined();
    await expect(assertFinite(tensorOf('float32', [1], [3.4e38]), 'w')).resolves.toBeUndefined();
  });

  it('looks at a large tensor to its last element, and lets timers run meanwhile', async () => {
    const tensor = zerosOf('float32', [3_000_000]);
    typedArray(tensor).fill(NaN, 2_999_999);
    let turns = 0;
    const interval = setInterval(() => turns++, 0);
    await expect(assertFinite(tensor, 'large')).rejects.toThrow('at element 2999999');
    clearInterval(interval);
    expect(turns).toBeGreaterThan(0);
  });

  it('passes integers', async () => {
    await expect(assertFinite(tensorOf('int64', [1], [-1]), 'ids')).resolves.toBeUndefined();
    await expect(assertFinite(tensorOf('uint16', [1], [0xffff]), 'ids')).resolves.toBeUndefined();
  });
});
