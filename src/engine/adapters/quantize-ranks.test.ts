import { describe, expect, it } from 'vitest';
import { createRandom, Pace } from '../../core/index.ts';
import { quantizeRanks } from './quantize-ranks.ts';

const [rank, width, out, unit] = [3, 40, 24, 2];
const blocks = Math.ceil(rank / unit);

describe('quantizeRanks', () => {
  it('keeps the product of the two matrices, rank by rank, and zeros', async () => {
    const random = createRandom(1, 'ranks');
    // Rows of very different sizes, and one of zeros.
    const sizes = [1e-4, 0, 30];
    const draw = (columns: number): Float32Array =>
      Float32Array.from({ length: rank * columns }, (_, i) => (sizes[Math.floor(i / columns)] ?? 0) * random.normal());
    const [a, b] = [draw(width), draw(out)];
    const into = {
      a: new Int8Array(blocks * unit * width).fill(99),
      b: new Int8Array(b.length),
      scales: new Float32Array(rank),
      unit,
    };
    await quantizeRanks({ a, b }, into, new Pace());
    for (const [row, size] of sizes.entries()) {
      for (let i = 0; i < width; i++) {
        for (let j = 0; j < out; j++) {
          const exact = (a[row * width + i] ?? 0) * (b[row * out + j] ?? 0);
          const levels = levelOfA(into.a, row, i) * (into.b[row * out + j] ?? 0);
          // Half a step of each, of rows whose largest number is about three times their size.
          expect(Math.abs(levels * (into.scales[row] ?? 0) - exact)).toBeLessThanOrEqual(0.2 * size ** 2);
        }
      }
    }
    expect(into.scales[1]).toBe(0);
    // The rank that the last block lacks.
    for (let i = 0; i < width; i++) expect(levelOfA(into.a, rank, i)).toBe(0);
  });
});

/** A is [blocks, in, unit]. */
function levelOfA(a: Int8Array, row: number, column: number): number {
  return a[(Math.floor(row / unit) * width + column) * unit + (row % unit)] ?? NaN;
}
