/** The leading singular vectors of a large matrix, by Lanczos' method. */
import { createRandom, Pace, type Random } from '../../core/index.ts';
import { addScaled, dot, times, timesTransposed, type Matrix } from './products.ts';
import { tridiagonalParts, type EigenParts } from './tridiagonal.ts';

export interface LanczosOptions {
  /** Number of vectors. */
  readonly count: number;
  /** Seed of the random start vectors. */
  readonly seed: number;
}

/** The angle, in radians, by which the space of the vectors may miss the exact one. */
const tolerance = 1e-8;

/** An error of an eigenvalue of WᵀW, relative to the largest, that double precision cannot tell from rounding. */
const rounding = 1e-14;

/** The same for a first look at what is left: it need not be exact. */
const roughly = 1e-4;

/** Eigenvectors of WᵀW (or W·Wᵀ, if that is smaller) for its largest eigenvalues. */
interface Found {
  readonly values: readonly number[];
  /** Unit vectors at right angles. */
  readonly vectors: readonly Float64Array[];
}

/**
 * The singular vectors of the smaller side for the largest singular values, largest first. They are unit vectors at right angles.
 *
 * WHY a look at what is left: from one start vector the method finds only one direction of those with exactly the same singular value.
 * It is repeated at right angles to all that was found, until nothing larger turns up.
 *
 * @see Lanczos 1950; Golub, Van Loan 2013, §10.1 and §10.3.1 (complete reorthogonalization)
 */
export async function leadingVectors(matrix: Matrix, { count, seed }: LanczosOptions): Promise<Float64Array[]> {
  const random = createRandom(seed, 'lanczos');
  let found: Found = { values: [], vectors: [] };
  for (;;) {
    found = largest(found, await search(matrix, { count, known: found.vectors, random }), count);
    const left = await search(matrix, { count: 1, known: found.vectors, random, isRough: true });
    const [top = 0] = left.values;
    if (!(top > (found.values[count - 1] ?? 0) * (1 + 1e-6))) return [...found.vectors];
  }
}

function largest(one: Found, other: Found, count: number): Found {
  const values = [...one.values, ...other.values];
  const vectors = [...one.vectors, ...other.vectors];
  const order = values.map((_, i) => i).sort((i, j) => (values[j] ?? 0) - (values[i] ?? 0));
  const kept = order.slice(0, count);
  return { values: kept.map((i) => values[i] ?? 0), vectors: kept.flatMap((i) => vectors[i] ?? []) };
}

interface Search {
  readonly count: number;
  /** The search is at right angles to these. */
  readonly known: readonly Float64Array[];
  readonly random: Random;
  readonly isRough?: boolean;
}

/** The largest eigenvalues at right angles to the known vectors: `count` of them, or as many as there are. */
async function search(matrix: Matrix, { count, known, random, isRough = false }: Search): Promise<Found> {
  const side = Math.min(matrix.rows, matrix.columns);
  const room = side - known.length;
  const basis: Float64Array[] = [];
  const [diagonal, beside]: [number[], number[]] = [[], []];
  let next = await newDirection(side, { random, others: known });
  let check = Math.min(room, 2 * count + 20);
  while (basis.length < room && next !== undefined) {
    basis.push(next);
    const product = await gram(matrix, next);
    diagonal.push(dot(product, next));
    const length = await leaveOut(product, [...known, ...basis]);
    const isLast = basis.length === room;
    if (basis.length >= check || isLast) {
      const parts = await tridiagonalParts(Float64Array.from(diagonal), Float64Array.from(beside));
      if (isLast || isSettled(parts, { length, count, isRough })) return chosen(parts, basis, Math.min(count, room));
      check = Math.min(room, Math.ceil(basis.length * 1.25));
    }
    const scale = Math.max(...diagonal);
    const isDone = !(length > rounding * scale);
    beside.push(isDone ? 0 : length);
    next = isDone
      ? await newDirection(side, { random, others: [...known, ...basis] })
      : scaledInPlace(product, 1 / length);
  }
  return { values: [], vectors: [] };
}

/** WᵀW·v or W·Wᵀ·v. */
async function gram(matrix: Matrix, vector: Float64Array): Promise<Float64Array> {
  const isWide = matrix.columns > matrix.rows;
  const middle = await (isWide ? timesTransposed : times)(matrix, [vector]);
  const [result = new Float64Array(vector.length)] = await (isWide ? times : timesTransposed)(matrix, middle);
  return result;
}

/**
 * Whether the vectors for the largest values are exact enough: the error of their space is the residual of a vector over the distance
 * to the next value.
 */
function isSettled(
  { values, vectors }: EigenParts,
  { length, count, isRough }: { readonly length: number; readonly count: number; readonly isRough: boolean },
): boolean {
  const [top = 0, last = 0, after = 0] = [values[0], values[count - 1], values[count]];
  const allowed = isRough ? roughly * top : Math.max(tolerance * (last - after), rounding * top);
  return vectors.slice(0, count).every((vector) => length * Math.abs(vector.at(-1) ?? 0) <= allowed);
}

async function chosen({ values, vectors }: EigenParts, basis: readonly Float64Array[], count: number): Promise<Found> {
  const result: Float64Array[] = [];
  const pace = new Pace();
  for (const turn of vectors.slice(0, count)) {
    const sum = new Float64Array(basis[0]?.length ?? 0);
    for (const [i, vector] of basis.entries()) {
      addScaled(sum, vector, turn[i] ?? 0);
      const pause = pace.step();
      if (pause) await pause;
    }
    result.push(sum);
  }
  return { values: Array.from(values.subarray(0, count)), vectors: result };
}

/** A random unit vector at right angles to the others; undefined if they leave no direction. */
async function newDirection(
  side: number,
  { random, others }: { readonly random: Random; readonly others: readonly Float64Array[] },
): Promise<Float64Array | undefined> {
  if (others.length >= side) return undefined;
  const vector = Float64Array.from({ length: side }, () => random.normal());
  return scaledInPlace(vector, 1 / (await leaveOut(vector, others)));
}

/** Takes the parts along unit vectors out of a vector, twice because of rounding. @returns the length that is left */
async function leaveOut(vector: Float64Array, others: readonly Float64Array[]): Promise<number> {
  const pace = new Pace();
  for (const other of [...others, ...others]) {
    addScaled(vector, other, -dot(other, vector));
    const turn = pace.step();
    if (turn) await turn;
  }
  return Math.sqrt(dot(vector, vector));
}

function scaledInPlace(vector: Float64Array, factor: number): Float64Array {
  for (let i = 0; i < vector.length; i++) vector[i] = (vector[i] ?? 0) * factor;
  return vector;
}
