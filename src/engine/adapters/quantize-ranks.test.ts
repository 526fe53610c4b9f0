import { describe, expect, it } from 'vitest';
import { createRandom, Pace } from '../../core/index.ts';
import { quantizeRanks } from './quantize-ranks.ts';

const [rank, width, out] = [3, 40, 24];

describe('quantizeRanks', () => {
  it('keeps the product of the two matrices, rank by rank, and zeros', async () => {
    const random = createRandom(1, 'ranks');
    // Rows of very different sizes, and one of zeros.
    const sizes = [1e-4, 0, 30];
    const draw = (columns: number): Float32Array =>
      Float32Array.from({ length: rank * columns }, (_, i) => (sizes[Math.floor(i / columns)] ?? 0) * random.normal());
    const [a, b] = [draw(width), draw(out)];
    const into = {
      a: new Uint8Array(a.length),
      b: new Int8Array(b.length),
      scales: new Float32Array(rank),
    };
    await quantizeRanks({ a, b }, into, new Pace());
    for (const [row, size] of sizes.entries()) {
      for (let i = 0; i < width; i++) {
        for (let j = 0; j < out; j++) {
          const exact = (a[row * width + i] ?? 0) * (b[row * out + j] ?? 0);
          const levels = ((into.a[row * width + i] ?? 0) - 128) * (into.b[row * out + j] ?? 0);
          // Half a step of each, of rows whose largest number is about three times their size.
          expect(Math.abs(levels * (into.scales[row] ?? 0) - exact)).toBeLessThanOrEqual(0.2 * size ** 2);
        }
      }
    }
    expect(into.scales[1]).toBe(0);
  });
});
