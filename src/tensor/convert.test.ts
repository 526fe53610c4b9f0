import { describe, expect, it } from 'vitest';
import { convertToFloat32 } from './convert.ts';
import { tensorOf, toFloat32 } from './tensor-data.ts';

describe('convertToFloat32', () => {
  it.each(['float16', 'bfloat16', 'float32', 'float64'] as const)(
    'gives what toFloat32 gives, for %s',
    async (dtype) => {
      const values = Float32Array.from({ length: 150_000 }, (_, i) => Math.sin(i) * i);
      const tensor = tensorOf(dtype, [150, 1000], values);
      const [got, expected] = [await convertToFloat32(tensor), toFloat32(tensor)];
      expect(got.length).toBe(150_000);
      expect(got.findIndex((value, i) => value !== expected[i])).toBe(-1);
    },
  );

  it('refuses integers, and takes a tensor of no elements', async () => {
    await expect(convertToFloat32(tensorOf('int8', [1], [1]))).rejects.toMatchObject({ code: 'DTYPE_UNSUPPORTED' });
    expect(await convertToFloat32(tensorOf('float16', [0], []))).toEqual(new Float32Array());
  });
});
