import { multiplyDims, stopGradientKey, type Dim, type Tape, type Value } from '../../../ir/index.ts';
import { tensorOf, type DataType } from '../../../tensor/index.ts';
import { lazily, memoized } from '../memoized.ts';
import { chunkDims } from './chunk-dims.ts';

/** What a grid of chunks is made from. */
export interface GridInputs {
  /** i64 [1]: tokens of the longest row */
  readonly seq: Value;
  /** i64 [2]: batch, seq */
  readonly rectangle: Value;
  /** The most tokens of a chunk. A run with fewer tokens has one shorter chunk. */
  readonly size: number;
  /** The type of everything that is computed. Default: float32. */
  readonly dtype?: DataType;
}

/**
 * Rows cut into chunks of equally many tokens; the last chunk is filled up with zeros. Within a chunk everything is a product of matrices,
 * and only the state goes from chunk to chunk.
 */
export interface ChunkGrid {
  readonly tape: Tape;
  readonly dtype: DataType;
  /** f32 [batch, seq, width] → [chunks, batch, ...axes, chunk, last], where axes and last multiply to the width */
  cut(tape: Tape, x: Value, axes: readonly number[], last: number): Value;
  /** The same for one number for each of the axes: f32 [batch, seq, axes] → [chunks, batch, ...axes, chunk] */
  cutNumbers(tape: Tape, x: Value, axes: readonly number[]): Value;
  /** The way back: f32 [chunks, batch, ...axes, chunk, last] → [batch, seq, width] */
  join(tape: Tape, x: Value, axes: readonly number[], last: number): Value;
  /** f32 [batch, ...shape] of zeros */
  zeros(shape: readonly number[]): Value;
  /** f32 [chunk, chunk]: the unit matrix */
  unit(): Value;
  /** f32 [chunk, chunk]: 1 where the row is in the second half of a block of 2·width tokens and the column in its first half */
  halves(width: number): Value;
  readonly size: number;
}

export function chunkGrid(tape: Tape, { seq, rectangle, size, dtype = 'float32' }: GridInputs): ChunkGrid {
  const axis0 = { attributes: { axis: 0 } };
  const { chunks, chunk } = chunkDims(size);
  const batch = lazily(() => tape.op('Slice', [rectangle, tape.int64s([0]), tape.int64s([1])]));
  const length = lazily(() => tape.op('Min', [seq, tape.int64s([size])]));
  const count = lazily(() => {
    const rounded = tape.op('Add', [seq, tape.op('Sub', [length(), tape.int64s([1])])]);
    return tape.op('Div', [rounded, length()]);
  });
  const extra = lazily(() => tape.op('Sub', [tape.op('Mul', [count(), length()]), seq]));
  const fill = lazily(() => tape.op('Concat', [tape.int64s([0, 0, 0, 0]), extra(), tape.int64s([0])], axis0));
  const crop = lazily(() => tape.op('Neg', [fill()]));
  const square = lazily(() => tape.op('Concat', [length(), length()], axis0));
  const corner = (values: number[]): Value => {
    const table = tape.constant(tensorOf(dtype, [size, size], values));
    return tape.op('Slice', [table, tape.int64s([0, 0]), square()], { shape: [chunk, chunk] });
  };
  const table = (isOne: (row: number, column: number) => boolean): Value =>
    corner(Array.from({ length: size * size }, (_, at) => (isOne(Math.floor(at / size), at % size) ? 1 : 0)));
  const padded = multiplyDims(chunks, chunk);
  const cut = (at: Tape, x: Value, dims: readonly number[]): Value => {
    const width = dims.reduce((product, dim) => product * dim, 1);
    const full = at.op('Pad', [x, fill()], { shape: ['batch', padded, width] });
    const shape = at.op('Concat', [batch(), count(), length(), at.int64s([...dims])], axis0);
    return at.op('Reshape', [full, shape], { shape: ['batch', chunks, chunk, ...dims] });
  };
  return {
    tape,
    dtype,
    size,
    cut(at, x, axes, last) {
      const apart = cut(at, x, [...axes, last]);
      const perm = [1, 0, ...axes.map((_, i) => 3 + i), 2, 3 + axes.length];
      return at.op('Transpose', [apart], { attributes: { perm } });
    },
    cutNumbers(at, x, axes) {
      const perm = [1, 0, ...axes.map((_, i) => 3 + i), 2];
      return at.op('Transpose', [cut(at, x, axes)], { attributes: { perm } });
    },
    join(at, x, axes, last) {
      const width = axes.reduce((product, dim) => product * dim, last);
      const inner = axes.length;
      const perm = [1, 0, 2 + inner, ...axes.map((_, i) => 2 + i), 3 + inner];
      const turned = at.op('Transpose', [x], { attributes: { perm } });
      const shape = at.op('Concat', [batch(), at.int64s([-1, width])], axis0);
      const rows = at.op('Reshape', [turned, shape], { shape: ['batch', padded, width] });
      return at.op('Pad', [rows, crop()], { shape: ['batch', 'seq', width] });
    },
    zeros: memoizedByText((shape: readonly number[]) =>
      tape.op('ConstantOfShape', [tape.op('Concat', [batch(), tape.int64s([...shape])], axis0)], {
        attributes: { value: tensorOf(dtype, [1], [0]) },
        shape: ['batch', ...shape] satisfies Dim[],
      }),
    ),
    unit: lazily(() => table((row, column) => row === column)),
    halves: memoized((width) =>
      table((row, column) => {
        const [a, b] = [Math.floor(row / width), Math.floor(column / width)];
        return a % 2 === 1 && b === a - 1;
      }),
    ),
  };
}

function memoizedByText<V>(make: (key: readonly number[]) => V): (key: readonly number[]) => V {
  const made = memoized((text: string) => make(text.split(',').map(Number)));
  return (key) => made(key.join(','));
}

/** How much of each token is left at each later one, and what a state loses over whole chunks. */
export interface Decays {
  /** f32 [..., chunk, chunk]: e^(cᵢ − cⱼ) for j ≤ i, 0 above, where c is the cumulative sum of the logarithms */
  readonly pairs: Value;
  /** f32 [..., chunk, 1]: from before the chunk to the token, with its own: e^cᵢ */
  readonly since: Value;
  /** f32 [..., chunk, 1]: from the token to the end of the chunk: e^(last − cᵢ) */
  readonly until: Value;
  /** f32 [..., 1, 1]: of the whole chunk */
  readonly whole: Value;
}

/**
 * WHY the differences are masked before the exponential too: above the diagonal they are positive, and could overflow.
 *
 * @param logarithms  f32 [..., chunk], at most 0
 */
export function decaysOf(tape: Tape, logarithms: Value): Decays {
  const column = (x: Value): Value => tape.op('Unsqueeze', [x, tape.int64s([-1])]);
  const lower = (x: Value): Value => tape.op('Trilu', [x], { attributes: { upper: 0 } });
  const sums = tape.op('CumSum', [logarithms, tape.int64(-1)]);
  const total = tape.op('ReduceSum', [logarithms, tape.int64s([-1])], { attributes: { keepdims: 1 } });
  const differences = tape.op('Sub', [column(sums), tape.op('Unsqueeze', [sums, tape.int64s([-2])])]);
  return {
    pairs: lower(tape.op('Exp', [lower(differences)])),
    since: column(tape.op('Exp', [sums])),
    until: column(tape.op('Exp', [tape.op('Sub', [total, sums])])),
    whole: column(tape.op('Exp', [total])),
  };
}

/**
 * The inverse of I + A, A strictly lower triangular, by halves: once the blocks of `width` tokens on the diagonal are inverted,
 *
 *   X ← X − X·(A ∘ halves)·X
 *
 * inverts those of 2·width tokens.
 *
 * WHY not (I − A)(I + A²)(I + A⁴)…: where the keys of a chunk are alike, the powers of A have entries like binomial coefficients, which
 * cancel only in exact arithmetic.
 *
 * WHY the steps have no gradient of their own: with X the inverse, 2X − X·(I + A)·X is X again, its gradient is that of the inverse
 * (−X·dA·X), and two products cost less than the gradients of all steps. It also takes back the last rounding.
 *
 * @param system  f32 [..., chunk, chunk]: A
 */
export function unitLowerInverse(tape: Tape, system: Value, grid: ChunkGrid, isDifferentiated: boolean): Value {
  const steps = tape.scoped('inverse', { [stopGradientKey]: 'the last step carries the gradient' });
  const product = (at: Tape, a: Value, b: Value): Value => at.op('MatMul', [a, b], shapeOf(system));
  const part = (width: number): Value => steps.op('Mul', [system, grid.halves(width)], shapeOf(system));
  let inverse = steps.op('Sub', [grid.unit(), part(1)], shapeOf(system));
  for (let width = 2; width < grid.size; width *= 2) {
    const step = product(steps, product(steps, inverse, part(width)), inverse);
    inverse = steps.op('Sub', [inverse, step], shapeOf(system));
  }
  if (!isDifferentiated) return inverse;
  const unit = tape.op('Add', [inverse, product(tape, system, inverse)], shapeOf(system));
  const twice = tape.op('Add', [inverse, inverse], shapeOf(system));
  return tape.op('Sub', [twice, product(tape, inverse, unit)], shapeOf(system));
}

function shapeOf({ shape }: Value): { shape?: readonly Dim[] } {
  return shape ? { shape } : {};
}
