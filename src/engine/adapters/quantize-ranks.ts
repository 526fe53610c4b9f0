import type { Pace } from '../../core/index.ts';

/** The matrices of one module of an adapter, by rank row. */
export interface RankMatrices {
  /** f32 [rank, in] */
  readonly a: Float32Array;
  /** f32 [rank, out] */
  readonly b: Float32Array;
}

export interface QuantizedRanks {
  /** s8 [blocks, in, unit] */
  readonly a: Int8Array;
  /** s8 [rank, out] */
  readonly b: Int8Array;
  /** f32 [rank] */
  readonly scales: Float32Array;
  /** Ranks of a block. */
  readonly unit: number;
}

/**
 * Writes each rank row of both matrices as bytes, with one scale for both:
 *
 *   a ≈ sₐ · q,   b ≈ s_b · p,   scales = sₐ · s_b
 *
 * WHY one scale: the factor of a rank row can be multiplied anywhere between the two products.
 *
 * WHY the ranks of A side by side: a block is then the right factor of a product whose left one is a token.
 */
export async function quantizeRanks({ a, b }: RankMatrices, into: QuantizedRanks, pace: Pace): Promise<void> {
  const { unit } = into;
  const rank = into.scales.length;
  const [width, out] = [a.length / rank, b.length / rank];
  if (rank % unit > 0) into.a.fill(0, Math.floor(rank / unit) * unit * width);
  for (let row = 0; row < rank; row++) {
    const lane = Math.floor(row / unit) * unit * width + (row % unit);
    const scaleA = writeRow(a.subarray(row * width, (row + 1) * width), into.a, { start: lane, step: unit });
    const scaleB = writeRow(b.subarray(row * out, (row + 1) * out), into.b, { start: row * out, step: 1 });
    into.scales[row] = scaleA * scaleB;
    const turn = pace.step();
    if (turn) await turn;
  }
}

/** @returns the size of a step; 0 for a row of zeros */
function writeRow(
  values: Float32Array,
  levels: Int8Array,
  { start, step }: { readonly start: number; readonly step: number },
): number {
  let largest = 0;
  for (let i = 0; i < values.length; i++) largest = Math.max(largest, Math.abs(values[i] ?? 0));
  const inverse = largest > 0 ? 127 / largest : 0;
  for (let i = 0, to = start; i < values.length; i++, to += step) {
    levels[to] = Math.floor((values[i] ?? 0) * inverse + 0.5);
  }
  return largest / 127;
}
