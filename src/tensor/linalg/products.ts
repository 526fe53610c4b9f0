/** Products of a matrix with vectors, in double precision, in slices between which other tasks run. */
import { breathe } from '../../core/index.ts';

/** A row-major matrix [rows, columns]. */
export interface Matrix {
  readonly values: Float32Array;
  readonly rows: number;
  readonly columns: number;
}

/** Makes columns orthonormal in place (Gram-Schmidt). It runs twice, because one pass leaves rounding errors. */
export async function orthonormalize(columns: readonly Float64Array[]): Promise<void> {
  for (const [i, column] of columns.entries()) {
    await breathe();
    const before = Math.sqrt(dot(column, column));
    for (let pass = 0; pass < 2; pass++) {
      for (const other of columns.slice(0, i)) addScaled(column, other, -dot(other, column));
    }
    const length = Math.sqrt(dot(column, column));
    // A column that is a linear combination of the others becomes zero and has no effect.
    const factor = length > 1e-12 * before ? 1 / length : 0;
    for (let j = 0; j < column.length; j++) column[j] = (column[j] ?? 0) * factor;
  }
}

/** Number of multiplications before other tasks run. */
const productsPerTurn = 1_000_000;

/** Computes W·c for each column c. @returns vectors [rows] */
export async function times(matrix: Matrix, by: readonly Float64Array[]): Promise<Float64Array[]> {
  const result = by.map(() => new Float64Array(matrix.rows));
  await eachRow(matrix, by, (row, line) => {
    for (const [i, column] of by.entries()) {
      const target = result[i];
      if (target) target[row] = dot(line, column);
    }
  });
  return result;
}

/** Computes Wᵀ·c for each column c. @returns vectors [columns] */
export async function timesTransposed(matrix: Matrix, by: readonly Float64Array[]): Promise<Float64Array[]> {
  const result = by.map(() => new Float64Array(matrix.columns));
  await eachRow(matrix, by, (row, line) => {
    for (const [i, column] of by.entries()) {
      const target = result[i];
      if (target) addScaled(target, line, column[row] ?? 0);
    }
  });
  return result;
}

/** Visits the rows in slices that count as many multiplications as the columns need. */
async function eachRow(
  { values, rows, columns }: Matrix,
  by: readonly Float64Array[],
  visit: (row: number, line: Float32Array) => void,
): Promise<void> {
  const rowsPerTurn = Math.max(1, Math.floor(productsPerTurn / (columns * by.length)));
  for (let row = 0; row < rows; row++) {
    if (row % rowsPerTurn === 0) await breathe();
    visit(row, values.subarray(row * columns, (row + 1) * columns));
  }
}

/** WHY four sums: each addition waits for the one before it, and four of them can run at once. */
export function dot(x: Float64Array | Float32Array, y: Float64Array): number {
  let [first, second, third, fourth] = [0, 0, 0, 0];
  const even = x.length - (x.length % 4);
  for (let i = 0; i < even; i += 4) {
    first += (x[i] ?? 0) * (y[i] ?? 0);
    second += (x[i + 1] ?? 0) * (y[i + 1] ?? 0);
    third += (x[i + 2] ?? 0) * (y[i + 2] ?? 0);
    fourth += (x[i + 3] ?? 0) * (y[i + 3] ?? 0);
  }
  for (let i = even; i < x.length; i++) first += (x[i] ?? 0) * (y[i] ?? 0);
  return first + second + (third + fourth);
}

/** Adds factor·x to the target. */
export function addScaled(target: Float64Array, x: Float64Array | Float32Array, factor: number): void {
  for (let i = 0; i < target.length; i++) target[i] = (target[i] ?? 0) + factor * (x[i] ?? 0);
}

/** The first columns as vectors [rows]. */
export async function columnsOf({ values, rows, columns }: Matrix, count = columns): Promise<Float64Array[]> {
  const result: Float64Array[] = [];
  for (let column = 0; column < count; column++) {
    await breathe();
    const vector = new Float64Array(rows);
    for (let row = 0; row < rows; row++) vector[row] = values[row * columns + column] ?? 0;
    result.push(vector);
  }
  return result;
}

/** All rows as vectors [columns]. */
export async function rowsOf({ values, rows, columns }: Matrix): Promise<Float64Array[]> {
  const result: Float64Array[] = [];
  for (let row = 0; row < rows; row++) {
    await breathe();
    result.push(Float64Array.from(values.subarray(row * columns, (row + 1) * columns)));
  }
  return result;
}
