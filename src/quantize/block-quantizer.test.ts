import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createRandom } from '../core/index.ts';
import { quantizeBlocks, type BlockScheme, type QuantizedBlocks } from './block-quantizer.ts';
import { quantizeChannels } from './channel-quantizer.ts';

/** As the operators' descriptions have it, element by element. */
function reference({ packed, scales, zeroPoints }: QuantizedBlocks, columns: number, { bits, blockSize }: BlockScheme) {
  const blocks = Math.ceil(columns / blockSize);
  const rows = scales.length / blocks;
  const half = (bytes: Uint8Array, index: number): number =>
    ((bytes[index >> 1] ?? 0) >> (index % 2 === 0 ? 0 : 4)) & 15;
  return Array.from({ length: rows * columns }, (_, i) => {
    const [row, column] = [Math.floor(i / columns), i % columns];
    const block = Math.floor(column / blockSize);
    const at = (row * blocks + block) * blockSize + (column % blockSize);
    const level = bits === 8 ? (packed[at] ?? 0) : half(packed, at);
    const zero = zeroPoints === undefined ? 128 : half(zeroPoints, row * 2 * Math.ceil(blocks / 2) + block);
    return (level - zero) * (scales[row * blocks + block] ?? 0);
  });
}

function normal(count: number, seed = 1): Float32Array {
  const random = createRandom(seed, 'test');
  return Float32Array.from({ length: count }, () => 0.02 * random.normal());
}

function squaredError(values: Float32Array, approximated: readonly number[]): number {
  return values.reduce((sum, value, i) => sum + (value - (approximated[i] ?? 0)) ** 2, 0);
}

/** Rounding to the nearest of the steps between a block's smallest and largest number, and no more. */
function plainError(values: Float32Array, { bits, blockSize }: BlockScheme): number {
  let error = 0;
  for (let start = 0; start < values.length; start += blockSize) {
    const block = values.subarray(start, start + blockSize);
    const [low, high] = [Math.min(0, ...block), Math.max(0, ...block)];
    const step = (high - low) / (2 ** bits - 1);
    const zero = Math.round(-low / step);
    for (const value of block) error += (value - (Math.round(value / step + zero) - zero) * step) ** 2;
  }
  return error;
}

const schemes = ([4, 8] as const).flatMap((bits) => [16, 32, 128].map((blockSize) => ({ bits, blockSize })));

describe('quantizeBlocks', () => {
  it.each(schemes)(
    'stays within half a step of every number it does not cut off: $bits bits, blocks of $blockSize',
    (scheme) => {
      const values = normal(8 * 256);
      const approximated = reference(quantizeBlocks(values, 256, scheme), 256, scheme);
      const worst = Math.max(...values.map((value, i) => Math.abs(value - (approximated[i] ?? 0))));
      expect(worst).toBeLessThan(scheme.bits === 8 ? 0.0005 : 0.02);
    },
  );

  it.each(schemes.filter(({ bits }) => bits === 4))(
    'is nearer than plain rounding, in blocks of $blockSize',
    (scheme) => {
      const values = normal(16 * 512);
      const error = squaredError(values, reference(quantizeBlocks(values, 512, scheme), 512, scheme));
      expect(error).toBeLessThan(0.95 * plainError(values, scheme));
    },
  );

  it.each(schemes)('keeps zeros zero, one-sided blocks and single numbers: $bits bits, $blockSize', (scheme) => {
    const columns = 3 * scheme.blockSize + 5;
    const values = new Float32Array(4 * columns);
    values.fill(0.5, columns, 2 * columns);
    values[2 * columns] = -3;
    for (let i = 3 * columns; i < 4 * columns; i++) values[i] = 1e-41;
    const approximated = reference(quantizeBlocks(values, columns, scheme), columns, scheme);
    expect(approximated.slice(0, columns).every((value) => value === 0)).toBe(true);
    for (const value of approximated.slice(columns, 2 * columns)) expect(value).toBeCloseTo(0.5, 6);
    expect(approximated[2 * columns]).toBeCloseTo(-3, 5);
    expect(approximated.slice(2 * columns + 1, 3 * columns).every((value) => value === 0)).toBe(true);
  });

  it('fills the last block of a row with numbers that count for nothing', () => {
    const { packed, zeroPoints } = quantizeBlocks(normal(3 * 20), 20, { bits: 4, blockSize: 16 });
    expect([packed.length, zeroPoints?.length]).toEqual([3 * 2 * 8, 3]);
    for (let row = 0; row < 3; row++) {
      const zero = (zeroPoints?.[row] ?? 0) >> 4;
      expect([...packed.subarray(row * 16 + 10, row * 16 + 16)]).toEqual(Array.from({ length: 6 }, () => zero * 17));
    }
  });

  it('gives finite positive scales whatever comes in', () => {
    const values = fc.float32Array({ minLength: 33, maxLength: 33, noNaN: true, noDefaultInfinity: true });
    fc.assert(
      fc.property(values, fc.integer({ min: -46, max: 0 }), (wild, power) => {
        const scaled = wild.map((value) => value * 10 ** power);
        for (const bits of [4, 8] as const) {
          const { scales } = quantizeBlocks(scaled, 33, { bits, blockSize: 16 });
          expect(scales.every((each) => Number.isFinite(each) && each > 0)).toBe(true);
        }
      }),
    );
  });
});

describe('quantizeChannels', () => {
  it('stays within half a step, one step for a row', () => {
    const values = normal(5 * 70);
    values.fill(0, 0, 70);
    const { levels, scales } = quantizeChannels(values, 70);
    expect([...levels.subarray(0, 70)]).toEqual(Array.from({ length: 70 }, () => 0));
    values.forEach((value, i) => {
      const scale = scales[Math.floor(i / 70)] ?? 0;
      expect(Math.abs(value - (levels[i] ?? 0) * scale)).toBeLessThanOrEqual(scale * 0.501);
    });
  });
});
