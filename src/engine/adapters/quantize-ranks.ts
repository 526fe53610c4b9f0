import type { Pace } from '../../core/index.ts';

/** The matrices of one module of an adapter, by rank row. */
export interface RankMatrices<Bytes, SignedBytes> {
  /** [rank, in] */
  readonly a: Bytes;
  /** [rank, out] */
  readonly b: SignedBytes;
}

export interface QuantizedRanks extends RankMatrices<Uint8Array, Int8Array> {
  /** f32 [rank] */
  readonly scales: Float32Array;
}

/**
 * Writes each rank row of both matrices as bytes, with one scale for both:
 *
 *   a ≈ sₐ · (q − 128),   b ≈ s_b · p,   scales = sₐ · s_b
 *
 * WHY one scale: the factor of a rank row can be multiplied anywhere between the two products.
 */
export async function quantizeRanks(
  { a, b }: RankMatrices<Float32Array, Float32Array>,
  into: QuantizedRanks,
  pace: Pace,
): Promise<void> {
  const rank = into.scales.length;
  const [width, out] = [a.length / rank, b.length / rank];
  for (let row = 0; row < rank; row++) {
    const scaleA = writeRow(a, into.a, { start: row * width, width, zero: 128 });
    const scaleB = writeRow(b, into.b, { start: row * out, width: out, zero: 0 });
    into.scales[row] = scaleA * scaleB;
    const turn = pace.step();
    if (turn) await turn;
  }
}

/** @returns the size of a step; 0 for a row of zeros */
function writeRow(
  values: Float32Array,
  levels: Uint8Array | Int8Array,
  { start, width, zero }: { readonly start: number; readonly width: number; readonly zero: number },
): number {
  let largest = 0;
  for (let i = start; i < start + width; i++) largest = Math.max(largest, Math.abs(values[i] ?? 0));
  const inverse = largest > 0 ? 127 / largest : 0;
  for (let i = start; i < start + width; i++) levels[i] = Math.floor((values[i] ?? 0) * inverse + 0.5) + zero;
  return largest / 127;
}
