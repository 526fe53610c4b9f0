import { describe, expect, it } from 'vitest';
import { bfloat16ToNumber, float16ToNumber, numberToBfloat16, numberToFloat16 } from './half.ts';

/** Whether the bits are a NaN, `infinity` being those of the positive infinity. */
const isNaNHalf = (half: number, infinity: number): boolean => (half & 0x7fff) > infinity;
const allHalves = Array.from({ length: 65536 }, (_, half) => half);

describe('float16', () => {
  it.each([
    [0x0000, 0],
    [0x8000, -0],
    [0x3c00, 1],
    [0xc000, -2],
    [0x7bff, 65504],
    [0x0400, 2 ** -14],
    [0x0001, 2 ** -24],
    [0x03ff, 1023 * 2 ** -24],
    [0x7c00, Infinity],
    [0xfc00, -Infinity],
    [0x7e01, NaN],
    [0x3555, 0.333251953125],
  ])('widens %i to %d exactly', (half, value) => {
    expect(float16ToNumber(half)).toBe(value);
  });

  it('gives every one of the 65,536 halves back, NaN as a NaN', () => {
    const wrong = allHalves.filter((half) => {
      const back = numberToFloat16(float16ToNumber(half));
      return isNaNHalf(half, 0x7c00) ? !isNaNHalf(back, 0x7c00) : back !== half;
    });
    expect(wrong).toEqual([]);
  });

  it('rounds the midpoint between any two neighbours to the even one, and its two sides to the nearest', () => {
    const wrong = allHalves.slice(0, 0x7bff).filter((half) => {
      const [low, high] = [float16ToNumber(half), float16ToNumber(half + 1)];
      const [middle, quarter] = [(low + high) / 2, (high - low) / 4];
      const even = half + (half % 2);
      return (
        numberToFloat16(middle) !== even ||
        numberToFloat16(-middle) !== (0x8000 | even) ||
        numberToFloat16(middle - quarter) !== half ||
        numberToFloat16(middle + quarter) !== half + 1
      );
    });
    expect(wrong).toEqual([]);
  });

  it.each([
    [65519.99, 0x7bff],
    [65520, 0x7c00],
    [-1e30, 0xfc00],
    [-Infinity, 0xfc00],
    [2 ** -25, 0],
    [2 ** -25 * 1.001, 1],
    [-0, 0x8000],
  ])('narrows %d to bits %i', (value, half) => {
    expect(numberToFloat16(value)).toBe(half);
  });
});

describe('bfloat16', () => {
  it('gives every one of the 65,536 halves back, NaN as a NaN', () => {
    const wrong = allHalves.filter((half) => {
      const back = numberToBfloat16(bfloat16ToNumber(half));
      return isNaNHalf(half, 0x7f80) ? !isNaNHalf(back, 0x7f80) : back !== half;
    });
    expect(wrong).toEqual([]);
  });

  it('rounds the midpoint between any two neighbours to the even one', () => {
    const wrong = allHalves.slice(0, 0x7f7f).filter((half) => {
      const middle = (bfloat16ToNumber(half) + bfloat16ToNumber(half + 1)) / 2;
      return numberToBfloat16(middle) !== half + (half % 2);
    });
    expect(wrong).toEqual([]);
  });

  it('rounds the largest binary32 to an infinity', () => {
    expect(numberToBfloat16(3.4028234663852886e38)).toBe(0x7f80);
    expect(numberToBfloat16(NaN)).toBe(0x7fc0);
  });
});
