import { describe, expect, it } from 'vitest';
import { createRandom } from '../../core/index.ts';
import type { Matrix } from './products.ts';
import { singularParts, type SingularParts } from './singular-values.ts';

/** Σ value·left·rightᵀ of random directions at right angles. */
function matrixWith(values: readonly number[], rows: number, columns: number): Matrix {
  const random = createRandom(3, `${rows}x${columns}`);
  const directions = (size: number): number[][] => {
    const all: number[][] = [];
    for (const _ of values) {
      const next = Array.from({ length: size }, () => random.normal());
      for (const other of all) {
        const along = other.reduce((sum, value, i) => sum + value * (next[i] ?? 0), 0);
        other.forEach((value, i) => (next[i] = (next[i] ?? 0) - along * value));
      }
      const length = Math.hypot(...next);
      all.push(next.map((value) => value / length));
    }
    return all;
  };
  const [left, right] = [directions(rows), directions(columns)];
  const result = new Float32Array(rows * columns);
  for (let i = 0; i < result.length; i++) {
    const [row, column] = [Math.floor(i / columns), i % columns];
    result[i] = values.reduce((sum, value, k) => sum + value * (left[k]?.[row] ?? 0) * (right[k]?.[column] ?? 0), 0);
  }
  return { values: result, rows, columns };
}

/** The largest difference between the matrix and what the parts make of it. */
function errorOf({ values, columns }: Matrix, parts: SingularParts): number {
  return Math.max(
    ...values.map((value, i) => {
      const [row, column] = [Math.floor(i / columns), i % columns];
      const sum = parts.left.reduce(
        (all, left, k) => all + (parts.values[k] ?? 0) * (left[row] ?? 0) * (parts.right[k]?.[column] ?? 0),
        0,
      );
      return Math.abs(value - sum);
    }),
  );
}

describe('singularParts', () => {
  it.each([
    [12, 7],
    [7, 12],
    [9, 9],
  ])('gives a matrix of %i by %i back whole', async (rows, columns) => {
    const matrix = matrixWith([5, 3, 2, 1, 0.5, 0.25, 0.125], rows, columns);
    const parts = await singularParts(matrix, { count: 7, seed: 1 });
    expect(errorOf(matrix, parts)).toBeLessThan(1e-6);
    expect([...parts.values].map((value) => Math.round(value * 1e5) / 1e5)).toEqual([5, 3, 2, 1, 0.5, 0.25, 0.125]);
  });

  it('gives the largest first, and only as many as are asked for', async () => {
    const matrix = matrixWith([5, 3, 1e-3], 12, 7);
    const parts = await singularParts(matrix, { count: 2, seed: 1 });
    expect(parts.values).toHaveLength(2);
    expect(errorOf(matrix, parts)).toBeLessThan(1e-3);
  });

  it('finds the same where a matrix is too large for rotations', async () => {
    const values = Array.from({ length: 12 }, (_, i) => 8 * 0.8 ** i);
    const matrix = matrixWith(values, 240, 210);
    const parts = await singularParts(matrix, { count: 4, seed: 1 });
    expect(Math.max(...parts.values.map((value, i) => Math.abs(value - (values[i] ?? NaN))))).toBeLessThan(1e-5);
    const rest = matrixWith(values, 240, 210);
    const leading = await singularParts(rest, { count: 4, seed: 2 });
    const product = (one: SingularParts): number =>
      one.left.reduce((sum, left, k) => sum + (one.values[k] ?? 0) * (left[3] ?? 0) * (one.right[k]?.[5] ?? 0), 0);
    expect(Math.abs(product(parts) - product(leading))).toBeLessThan(1e-5);
  });

  it.each([
    ['several equal singular values', [5, 5, 5, ...Array.from({ length: 60 }, (_, i) => 3 - i / 30)], 4],
    ['few singular values, some of them equal', [5, 5, 3, 3, 1], 4],
    ['fewer singular values than are asked for', [2, 1], 4],
    ['none', [], 3],
  ])('finds the leading part of a large matrix with %s', async (_, values, count) => {
    const matrix = matrixWith(values, 200, 230);
    const parts = await singularParts(matrix, { count, seed: 1 });
    const expected = Array.from({ length: count }, (__, i) => values[i] ?? 0);
    expect(Math.max(...parts.values.map((value, i) => Math.abs(value - (expected[i] ?? NaN))))).toBeLessThan(1e-6);
    const left = values.length <= count ? errorOf(matrix, parts) : 0;
    expect(left).toBeLessThan(1e-6);
  });

  it('separates singular values that lie close together', async () => {
    const values = Array.from({ length: 60 }, (_, i) => 1 - i * 1e-4);
    const matrix = matrixWith(values, 220, 200);
    const parts = await singularParts(matrix, { count: 8, seed: 1 });
    const worst = parts.left.map((left, k) => {
      const right = parts.right[k] ?? new Float64Array();
      const product = left.map((value, row) => {
        const line = matrix.values.subarray(row * 200, (row + 1) * 200);
        return line.reduce((sum, number, i) => sum + number * (right[i] ?? 0), 0) - value * (parts.values[k] ?? 0);
      });
      return Math.hypot(...product);
    });
    expect(Math.max(...worst)).toBeLessThan(1e-6);
    expect(Math.max(...parts.values.map((value, i) => Math.abs(value - (values[i] ?? NaN))))).toBeLessThan(1e-6);
  });

  it('stops after as many rounds as it is told', async () => {
    const matrix = matrixWith([4, 2, 1], 20, 10);
    const parts = await singularParts(matrix, { count: 3, seed: 1, rounds: 16 });
    expect(errorOf(matrix, parts)).toBeLessThan(1e-5);
  });

  it('takes a matrix of zeros', async () => {
    const parts = await singularParts({ values: new Float32Array(12), rows: 4, columns: 3 }, { count: 2, seed: 1 });
    expect([...parts.values]).toEqual([0, 0]);
    expect(parts.left.flatMap((left) => [...left]).every(Number.isFinite)).toBe(true);
  });
});
