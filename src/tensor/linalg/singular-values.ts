/** Singular value decompositions in double precision, computed in slices between which other tasks run. Adapters are not known here. */
import { breathe, createRandom } from '../../core/index.ts';

/** A row-major matrix [rows, columns]. */
export interface Matrix {
  readonly values: Float32Array;
  readonly rows: number;
  readonly columns: number;
}

/** The leading singular triplets of W ≈ Σ value·left·rightᵀ, largest value first. */
export interface SingularParts {
  readonly values: Float64Array;
  /** Unit vectors [rows]. */
  readonly left: readonly Float64Array[];
  /** Unit vectors [columns]. */
  readonly right: readonly Float64Array[];
}

export interface SingularOptions {
  /** Number of singular values to compute. */
  readonly count: number;
  /** Seed of the random start vectors of the iteration. */
  readonly seed: number;
  /** Number of iterations, counted like PEFT's `pissa_niter_N`. Default: until the values converge. */
  readonly rounds?: number;
}

/** Largest smaller side that is decomposed exactly. The time of one-sided Jacobi grows with the cube of the smaller side. */
const exactSide = 192;

/**
 * Maximum number of iterations. WHY no more: singular values whose vectors have not converged by then are so close together that it
 * makes little difference which of their vectors are used.
 */
const mostRounds = 50;

/**
 * Computes the largest singular values of a matrix and their vectors: exactly if one side is small, otherwise by subspace iteration.
 *
 * @see Hestenes 1958 (one-sided Jacobi); Halko, Martinsson, Tropp 2011, algorithms 4.4 and 5.1
 */
export async function singularParts(matrix: Matrix, options: SingularOptions): Promise<SingularParts> {
  const side = Math.min(matrix.rows, matrix.columns);
  const count = Math.min(options.count, side);
  if (options.rounds === undefined && side <= exactSide) return exactParts(matrix, count);
  return iteratedParts(matrix, { ...options, count });
}

async function exactParts(matrix: Matrix, count: number): Promise<SingularParts> {
  const { rows, columns } = matrix;
  // WHY the smaller side: Jacobi rotates pairs of columns until all columns are orthogonal, so fewer columns are faster.
  if (columns > rows) {
    const { values, left, right } = await jacobi(columnsOf(transposed(matrix)), count);
    return { values, left: right, right: left };
  }
  return jacobi(columnsOf(matrix), count);
}

/**
 * One-sided Jacobi: rotates pairs of columns until all are orthogonal. Their lengths are then the singular values.
 * @param columns  vectors [rows]; modified in place
 */
async function jacobi(columns: Float64Array[], count: number): Promise<SingularParts> {
  const size = columns.length;
  const turns = Array.from({ length: size }, (_, i) => Float64Array.from({ length: size }, (__, j) => Number(i === j)));
  for (let sweep = 0; sweep < 60; sweep++) {
    let largest = 0;
    for (let p = 0; p < size - 1; p++) {
      await breathe();
      for (let q = p + 1; q < size; q++) largest = Math.max(largest, turnPair(columns, turns, p, q));
    }
    if (largest < 1e-14) break;
  }
  const lengths = columns.map((column) => Math.sqrt(dot(column, column)));
  const order = lengths.map((_, i) => i).sort((i, j) => (lengths[j] ?? 0) - (lengths[i] ?? 0));
  const chosen = order.slice(0, count);
  return {
    values: Float64Array.from(chosen, (i) => lengths[i] ?? 0),
    left: chosen.map((i) => scaledBy(columns[i], 1 / ((lengths[i] ?? 0) || 1))),
    right: chosen.map((i) => turns[i] ?? new Float64Array(size)),
  };
}

/** Rotates two columns so that they become orthogonal. @returns the cosine of the angle between them before the rotation */
function turnPair(columns: readonly Float64Array[], turns: readonly Float64Array[], p: number, q: number): number {
  const [x, y, u, v] = [columns[p], columns[q], turns[p], turns[q]];
  if (x === undefined || y === undefined || u === undefined || v === undefined) return 0;
  const [alpha, beta, gamma] = [dot(x, x), dot(y, y), dot(x, y)];
  const cosine = Math.abs(gamma) / Math.sqrt(alpha * beta);
  if (!(cosine > 1e-15)) return 0;
  const zeta = (beta - alpha) / (2 * gamma);
  const tangent = Math.sign(zeta || 1) / (Math.abs(zeta) + Math.sqrt(1 + zeta * zeta));
  const c = 1 / Math.sqrt(1 + tangent * tangent);
  rotate(x, y, c, c * tangent);
  rotate(u, v, c, c * tangent);
  return cosine;
}

function rotate(x: Float64Array, y: Float64Array, c: number, s: number): void {
  for (let i = 0; i < x.length; i++) {
    const [a, b] = [x[i] ?? 0, y[i] ?? 0];
    x[i] = c * a - s * b;
    y[i] = s * a + c * b;
  }
}

/** Subspace iteration: Q converges to the subspace of the largest singular values. The narrow product W·Q is then decomposed exactly. */
async function iteratedParts(matrix: Matrix, { count, seed, rounds }: SingularOptions): Promise<SingularParts> {
  const side = Math.min(matrix.rows, matrix.columns);
  const width = Math.min(side, count + Math.max(8, Math.ceil(count / 2)));
  const random = createRandom(seed, 'subspace');
  let basis: Float64Array[] = Array.from({ length: width }, () =>
    Float64Array.from({ length: matrix.columns }, () => random.normal()),
  );
  let before = new Float64Array(count);
  for (let round = 0; round < (rounds ?? mostRounds); round++) {
    await orthonormalize(basis);
    basis = await timesTransposed(matrix, await times(matrix, basis));
    const lengths = Float64Array.from(basis.slice(0, count), (column) => Math.sqrt(dot(column, column)));
    const moved = Math.max(...lengths.map((length, i) => Math.abs(length - (before[i] ?? 0)) / (length || 1)));
    before = lengths;
    if (rounds === undefined && moved < 1e-6) break;
  }
  await orthonormalize(basis);
  const narrow = await jacobi(await times(matrix, basis), count);
  const right = narrow.right.map((turn) => combined(basis, turn));
  return { values: narrow.values, left: narrow.left, right };
}

/** Σ turn[i]·columns[i] */
function combined(columns: readonly Float64Array[], turn: Float64Array): Float64Array {
  const result = new Float64Array(columns[0]?.length ?? 0);
  for (const [i, column] of columns.entries()) addScaled(result, column, turn[i] ?? 0);
  return result;
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
export async function times({ values, rows, columns }: Matrix, by: readonly Float64Array[]): Promise<Float64Array[]> {
  const result = by.map(() => new Float64Array(rows));
  const rowsPerTurn = Math.max(1, Math.floor(productsPerTurn / (columns * by.length)));
  for (let row = 0; row < rows; row++) {
    if (row % rowsPerTurn === 0) await breathe();
    const line = values.subarray(row * columns, (row + 1) * columns);
    for (const [i, column] of by.entries()) {
      const target = result[i];
      if (target) target[row] = dot(line, column);
    }
  }
  return result;
}

/** Computes Wᵀ·c for each column c. @returns vectors [columns] */
export async function timesTransposed(
  { values, rows, columns }: Matrix,
  by: readonly Float64Array[],
): Promise<Float64Array[]> {
  const result = by.map(() => new Float64Array(columns));
  const rowsPerTurn = Math.max(1, Math.floor(productsPerTurn / (columns * by.length)));
  for (let row = 0; row < rows; row++) {
    if (row % rowsPerTurn === 0) await breathe();
    const line = values.subarray(row * columns, (row + 1) * columns);
    for (const [i, column] of by.entries()) {
      const target = result[i];
      if (target) addScaled(target, line, column[row] ?? 0);
    }
  }
  return result;
}

function dot(x: Float64Array | Float32Array, y: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < x.length; i++) sum += (x[i] ?? 0) * (y[i] ?? 0);
  return sum;
}

function addScaled(target: Float64Array, x: Float64Array | Float32Array, factor: number): void {
  for (let i = 0; i < target.length; i++) target[i] = (target[i] ?? 0) + factor * (x[i] ?? 0);
}

function scaledBy(column: Float64Array | undefined, factor: number): Float64Array {
  return (column ?? new Float64Array()).map((value) => value * factor);
}

export function columnsOf({ values, rows, columns }: Matrix, count = columns): Float64Array[] {
  return Array.from({ length: count }, (_, column) =>
    Float64Array.from({ length: rows }, (__, row) => values[row * columns + column] ?? 0),
  );
}

function transposed({ values, rows, columns }: Matrix): Matrix {
  const result = Float32Array.from(values, (_, i) => values[(i % rows) * columns + Math.floor(i / rows)] ?? 0);
  return { values: result, rows: columns, columns: rows };
}
