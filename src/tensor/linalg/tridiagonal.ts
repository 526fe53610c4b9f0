import { Pace } from '../../core/index.ts';

/** The eigenvalues of a symmetric matrix, largest first, and its eigenvectors in the same order. */
export interface EigenParts {
  readonly values: Float64Array;
  readonly vectors: readonly Float64Array[];
}

/**
 * Decomposes a symmetric matrix that has numbers only on its diagonal and beside it: rotations let the numbers beside the diagonal
 * vanish, one after another.
 *
 * @param diagonal  [n]
 * @param beside    [n - 1]
 * @see Bowdler, Martin, Reinsch, Wilkinson 1968 (the QL algorithm with implicit shifts)
 */
export async function tridiagonalParts(diagonal: Float64Array, beside: Float64Array): Promise<EigenParts> {
  const size = diagonal.length;
  const d = diagonal.slice();
  const e = new Float64Array(size);
  e.set(beside);
  const vectors = Array.from({ length: size }, (_, i) => {
    const unit = new Float64Array(size);
    unit[i] = 1;
    return unit;
  });
  const pace = new Pace();
  for (let first = 0; first < size; first++) {
    for (let end = blockEnd(d, e, first); end > first; end = blockEnd(d, e, first)) {
      chase({ d, e, vectors }, first, end);
      const turn = pace.step();
      if (turn) await turn;
    }
  }
  const order = Array.from(d, (_, i) => i).sort((i, j) => (d[j] ?? 0) - (d[i] ?? 0));
  return {
    values: Float64Array.from(order, (i) => d[i] ?? 0),
    vectors: order.map((i) => vectors[i] ?? new Float64Array(size)),
  };
}

/** The last place of the block that begins at `first`: behind it the number beside the diagonal is as good as zero. */
function blockEnd(d: Float64Array, e: Float64Array, first: number): number {
  let end = first;
  while (end < d.length - 1) {
    const size = Math.abs(d[end] ?? 0) + Math.abs(d[end + 1] ?? 0);
    if (Math.abs(e[end] ?? 0) <= Number.EPSILON * size) break;
    end++;
  }
  return end;
}

interface Rotated {
  readonly d: Float64Array;
  readonly e: Float64Array;
  readonly vectors: readonly Float64Array[];
}

/** One step of QL on the block: rotations from its end to its beginning, with the eigenvalue of the first two as the shift. */
function chase({ d, e, vectors }: Rotated, first: number, end: number): void {
  const [d0 = 0, d1 = 0, e0 = 0] = [d[first], d[first + 1], e[first]];
  const half = (d1 - d0) / (2 * e0);
  let g = (d[end] ?? 0) - d0 + e0 / (half + Math.sign(half || 1) * Math.hypot(half, 1));
  let [sine, cosine, taken] = [1, 1, 0];
  for (let i = end - 1; i >= first; i--) {
    const [f, b] = [sine * (e[i] ?? 0), cosine * (e[i] ?? 0)];
    const length = Math.hypot(f, g);
    e[i + 1] = length;
    if (length === 0) {
      // The block falls apart here.
      d[i + 1] = (d[i + 1] ?? 0) - taken;
      e[end] = 0;
      return;
    }
    [sine, cosine] = [f / length, g / length];
    g = (d[i + 1] ?? 0) - taken;
    const r = ((d[i] ?? 0) - g) * sine + 2 * cosine * b;
    taken = sine * r;
    d[i + 1] = g + taken;
    g = cosine * r - b;
    turnPair(vectors[i], vectors[i + 1], { sine, cosine });
  }
  d[first] = d0 - taken;
  e[first] = g;
  e[end] = 0;
}

function turnPair(
  x: Float64Array | undefined,
  y: Float64Array | undefined,
  { sine, cosine }: { readonly sine: number; readonly cosine: number },
): void {
  if (x === undefined || y === undefined) return;
  for (let k = 0; k < x.length; k++) {
    const [a, b] = [x[k] ?? 0, y[k] ?? 0];
    y[k] = sine * a + cosine * b;
    x[k] = cosine * a - sine * b;
  }
}
