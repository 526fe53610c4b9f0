import { describe, expect, it } from 'vitest';
import { addInto, clipCoefficient, globalNorm } from './gradients.ts';

describe('globalNorm', () => {
  it('is the Euclidean norm over arrays longer than one slice', async () => {
    expect(await globalNorm(new Float32Array(90_000).fill(0.5))).toBeCloseTo(150, 10);
  });

  it('is not finite as soon as one gradient is not', async () => {
    const gradients = new Float32Array(50_000);
    gradients[49_999] = NaN;
    expect(await globalNorm(gradients)).toBeNaN();
    gradients[49_999] = Infinity;
    expect(await globalNorm(gradients)).toBe(Infinity);
  });
});

describe('clipCoefficient', () => {
  it.each([
    { norm: 4, maxNorm: 1, coefficient: 1 / 4.000001 },
    { norm: 0.5, maxNorm: 1, coefficient: 1 },
    { norm: 0, maxNorm: 1, coefficient: 1 },
    { norm: 1, maxNorm: 1, coefficient: 1 / 1.000001 },
    { norm: 400, maxNorm: 0, coefficient: 1 },
  ])('is $coefficient for norm $norm and limit $maxNorm', ({ norm, maxNorm, coefficient }) => {
    expect(clipCoefficient(norm, maxNorm)).toBe(coefficient);
  });
});

describe('addInto', () => {
  it('adds element by element and leaves the second array as it is', async () => {
    const [sum, part] = [new Float32Array(40_000).fill(1), new Float32Array(40_000).fill(2)];
    await addInto(sum, part);
    expect(sum.every((value) => value === 3)).toBe(true);
    expect(part.every((value) => value === 2)).toBe(true);
  });
});
