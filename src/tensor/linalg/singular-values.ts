/** Singular value decompositions in double precision, computed in slices between which other tasks run. Adapters are not known here. */
import { breathe, createRandom } from '../../core/index.ts';
import { leadingVectors } from './lanczos.ts';
import { addScaled, columnsOf, dot, orthonormalize, rowsOf, times, timesTransposed, type Matrix } from './products.ts';

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
  /** Number of iterations, counted like PEFT's `pissa_niter_N`. Absent: all parts are exact, to double precision. */
  readonly rounds?: number;
}

/** Largest smaller side that is decomposed as a whole. The time of one-sided Jacobi grows with the cube of the smaller side. */
const wholeSide = 192;

/**
 * Computes the largest singular values of a matrix and their vectors: of a small matrix all of them by rotations, of a large one only
 * the largest by Lanczos' method, and with a given number of rounds approximately by subspace iteration.
 *
 * @see Hestenes 1958 (one-sided Jacobi); Halko, Martinsson, Tropp 2011, algorithms 4.4 and 5.1
 */
export async function singularParts(matrix: Matrix, options: SingularOptions): Promise<SingularParts> {
  const side = Math.min(matrix.rows, matrix.columns);
  const count = Math.min(options.count, side);
  const { rounds } = options;
  if (rounds !== undefined) return iteratedParts(matrix, { ...options, rounds, count });
  return side <= wholeSide ? wholeParts(matrix, count) : leadingParts(matrix, { ...options, count });
}

async function wholeParts(matrix: Matrix, count: number): Promise<SingularParts> {
  const { rows, columns } = matrix;
  // WHY the smaller side: Jacobi rotates pairs of columns until all columns are orthogonal, so fewer columns are faster.
  if (columns > rows) {
    const { values, left, right } = await jacobi(await rowsOf(matrix), count);
    return { values, left: right, right: left };
  }
  return jacobi(await columnsOf(matrix), count);
}

/** The product with a singular vector is its partner, as long as the singular value. */
async function leadingParts(matrix: Matrix, options: SingularOptions): Promise<SingularParts> {
  const isWide = matrix.columns > matrix.rows;
  const vectors = await leadingVectors(matrix, options);
  const partners = await (isWide ? timesTransposed : times)(matrix, vectors);
  const values = Float64Array.from(partners, (partner) => Math.sqrt(dot(partner, partner)));
  const units = partners.map((partner, i) => scaledBy(partner, 1 / ((values[i] ?? 0) || 1)));
  return isWide ? { values, left: vectors, right: units } : { values, left: units, right: vectors };
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

/** Subspace iteration: Q comes closer to the subspace of the largest singular values. The narrow product W·Q is then decomposed exactly. */
async function iteratedParts(
  matrix: Matrix,
  { count, seed, rounds }: Required<SingularOptions>,
): Promise<SingularParts> {
  const side = Math.min(matrix.rows, matrix.columns);
  const width = Math.min(side, count + Math.max(8, Math.ceil(count / 2)));
  const random = createRandom(seed, 'subspace');
  let basis: Float64Array[] = Array.from({ length: width }, () =>
    Float64Array.from({ length: matrix.columns }, () => random.normal()),
  );
  for (let round = 0; round < rounds; round++) {
    await orthonormalize(basis);
    basis = await timesTransposed(matrix, await times(matrix, basis));
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

function scaledBy(column: Float64Array | undefined, factor: number): Float64Array {
  return (column ?? new Float64Array()).map((value) => value * factor);
}
