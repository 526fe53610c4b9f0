import { join } from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { loadSafetensors, tensorOf, typedArray, writeSafetensors, type TensorData } from '../tensor/index.ts';
import { openBaseModel } from './open-base-model.ts';
import { hasNonFinite, type FloatType } from './non-finite.ts';
import { goldenDir, withGoldenCopy } from './testing/fixtures.ts';
import { verifyWeights } from './verify-weights.ts';

const types: readonly FloatType[] = ['float32', 'float16', 'bfloat16'];

function withBadWeight<T>(value: number, dtype: FloatType, use: (dir: string) => Promise<T>): Promise<T> {
  return withGoldenCopy(async (dir) => {
    const path = join(dir, 'model.safetensors');
    const { tensors } = await loadSafetensors(path);
    const values = Array.from({ length: 64 * 32 }, (_, i) => (i === 1234 ? value : i / 1000 - 1));
    tensors.set('model.layers.1.mlp.up_proj.weight', tensorOf(dtype, [64, 32], values));
    await writeSafetensors(path, tensors);
    return use(dir);
  });
}

describe('verifyWeights', () => {
  it('passes a sound checkpoint', async () => {
    await expect(verifyWeights(await openBaseModel(goldenDir('llama', 'model')))).resolves.toBeUndefined();
  });

  it.each(types.flatMap((dtype) => [NaN, Infinity, -Infinity].map((value) => [value, dtype] as const)))(
    'refuses %d in a weight of %s, and says where it is',
    (value, dtype) =>
      withBadWeight(value, dtype, async (dir) => {
        const verified = verifyWeights(await openBaseModel(dir));
        await expect(verified).rejects.toMatchObject({
          code: 'MODEL_WEIGHTS_NOT_FINITE',
          details: { name: 'model.layers.1.mlp.up_proj.weight', index: 1234, value: String(value) },
        });
      }),
  );

  it('stops when it is told to', async () => {
    const base = await openBaseModel(goldenDir('llama', 'model'));
    const reason = new Error('enough');
    await expect(verifyWeights(base, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });
});

describe('hasNonFinite', () => {
  it.each(types)('agrees with looking at each number, in %s', (dtype) => {
    const number = fc.oneof({ weight: 60, arbitrary: fc.float() }, { weight: 1, arbitrary: fc.constant(Infinity) });
    fc.assert(
      fc.property(fc.array(number, { minLength: 2, maxLength: 40 }), (numbers) => {
        const even = numbers.slice(0, numbers.length - (numbers.length % 2));
        const tensor: TensorData = tensorOf(dtype, [even.length], even);
        const finite = [...floatsOf(tensor)].every(Number.isFinite);
        expect(hasNonFinite(new Uint32Array(tensor.bytes.buffer), dtype)).toBe(!finite);
      }),
    );
  });
});

/** The values after rounding to the type, which can overflow to infinity. */
function floatsOf(tensor: TensorData): number[] {
  const exponent = { float16: 0x7c00, bfloat16: 0x7f80 }[tensor.dtype as 'float16' | 'bfloat16'];
  return Array.from(typedArray(tensor) as ArrayLike<number>, (bits) =>
    exponent !== undefined && (bits & exponent) === exponent ? NaN : bits,
  );
}
