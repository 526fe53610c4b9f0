import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { byteLength, type DataType } from '../../tensor/index.ts';
import { sampleTensor } from './sample-tensor.ts';

const dtypes = ['float32', 'float16', 'bfloat16', 'float64', 'uint8', 'int64', 'bool', 'int4', 'uint4'] as const;

/** The parts that a sample reads. */
async function partsOf(dtype: DataType, shape: readonly number[]): Promise<(readonly [number, number])[]> {
  const parts: (readonly [number, number])[] = [];
  await sampleTensor({ dtype, shape }, (offset, length) => {
    parts.push([offset, length]);
    return new Uint8Array(length);
  });
  return parts;
}

describe('sampleTensor', () => {
  it('reads only what the tensor has, its first and its last byte among it', async () => {
    const shapes = fc.array(fc.integer({ min: 0, max: 3000 }), { maxLength: 2 });
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...dtypes), shapes, async (dtype, shape) => {
        const size = byteLength(dtype, shape);
        const parts = await partsOf(dtype, shape);
        const ends = parts.map(([offset, length]) => offset + length);
        expect(Math.max(0, ...ends)).toBe(size);
        expect(parts.length === 0 || parts[0]?.[0] === 0).toBe(true);
        expect(parts.length).toBeLessThanOrEqual(4);
      }),
    );
  });
});
