import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ModuleWeights } from '../../lora/index.ts';
import { tensorOf, toFloat32 } from '../../tensor/index.ts';
import { compareAdapters, updateNorm } from './compare-adapters.ts';
import type { StoredAdapter } from '../formats/stored-adapter.ts';

const [width, out] = [4, 3];
const number = fc.float({ noNaN: true, min: -4, max: 4 });
const weights: fc.Arbitrary<ModuleWeights> = fc
  .record({ rank: fc.integer({ min: 1, max: 3 }), scaling: fc.constantFrom(0.5, 1, 2) })
  .chain(({ rank, scaling }) =>
    fc
      .tuple(
        fc.array(number, { minLength: rank * width, maxLength: rank * width }),
        fc.array(number, { minLength: rank * out, maxLength: rank * out }),
      )
      .map(([a, b]) => ({
        rank,
        scaling,
        a: tensorOf('float32', [rank, width], a),
        b: tensorOf('float32', [out, rank], b),
      })),
  );

const adapterOf = (modules: Record<string, ModuleWeights>): StoredAdapter => ({
  config: { rank: 1, alpha: 1, dropout: 0, targetModules: Object.keys(modules) },
  modules: new Map(Object.entries(modules)),
  baseName: undefined,
});

/** scaling · B·A, number by number. */
function product({ rank, scaling, a, b }: ModuleWeights): number[] {
  const [left, right] = [toFloat32(b), toFloat32(a)];
  return Array.from({ length: out * width }, (_, i) => {
    const [row, column] = [Math.floor(i / width), i % width];
    let sum = 0;
    for (let k = 0; k < rank; k++) sum += (left[row * rank + k] ?? 0) * (right[k * width + column] ?? 0);
    return scaling * sum;
  });
}

describe('compareAdapters', () => {
  it('gives the norms of the whole products, through the small matrices alone', async () => {
    await fc.assert(
      fc.asyncProperty(weights, weights, async (first, second) => {
        const [one, other] = [product(first), product(second)];
        expect(updateNorm(first)).toBeCloseTo(Math.hypot(...one), 4);
        const both = [adapterOf({ m: first }), adapterOf({ m: second })] as const;
        const { modules } = await compareAdapters(...both, { largest: true });
        const apart = Math.hypot(...one.map((value, i) => value - (other[i] ?? 0)));
        expect(modules[0]?.distance).toBeCloseTo(apart, 3);
        const largest = Math.max(...one.map((value, i) => Math.abs(value - (other[i] ?? 0))));
        expect(modules[0]?.largest).toBeCloseTo(largest, 6);
      }),
    );
  });

  it('finds an adapter the same as itself with the scale in B', async () => {
    await fc.assert(
      fc.asyncProperty(weights, async (first) => {
        const b = tensorOf(
          'float32',
          first.b.shape,
          Array.from(toFloat32(first.b), (value) => value * first.scaling),
        );
        const { equal } = await compareAdapters(adapterOf({ m: first }), adapterOf({ m: { ...first, b, scaling: 1 } }));
        expect(equal).toBe(true);
      }),
    );
  });

  it('names modules that one alone has, and magnitudes that differ', async () => {
    const [one] = fc.sample(weights, { seed: 1, numRuns: 1 });
    if (one === undefined) throw new Error('nothing drawn');
    const dora = { ...one, magnitude: tensorOf('float32', [3], [1, 2, 3]) };
    const longer = { ...one, magnitude: tensorOf('float32', [3], [1, 2.5, 3]) };
    const difference = await compareAdapters(adapterOf({ x: one, m: dora }), adapterOf({ m: longer, y: one }));
    expect(difference).toMatchObject({ onlyInFirst: ['x'], onlyInSecond: ['y'], equal: false });
    expect(difference.modules).toMatchObject([{ path: 'm', distance: 0, magnitudes: 0.5 }]);
  });
});
