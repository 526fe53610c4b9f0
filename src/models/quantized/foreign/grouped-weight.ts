import type { WeightRef } from '../../weight-ref.ts';

/** The tool whose packing a grouped matrix has. */
export type GroupedLayout = 'gptq' | 'awq';

/**
 * A matrix [rows, columns] of integers that another tool has packed. Groups of columns share a scale and a zero point:
 *
 *   w[r, c] = scale[r, g(c)] · (q[r, c] − zero[r, g(c)])
 *
 * All layouts store 32-bit words, least significant bits first.
 *
 * - `gptq`: q i32 [columns / n, rows], n = 32 / bits: a word holds n neighbours of a column of the transposed matrix. Scales
 *   [groups, rows], zero points i32 [groups, rows / n].
 * - `awq`: q i32 [columns, rows / 8]: a word holds the rows 0, 2, 4, 6, 1, 3, 5, 7 of eight. Zero points likewise.
 *
 * The name `blocks` is for the layout of ONNX Runtime, which Espalier writes itself.
 */
export interface GroupedWeight {
  readonly kind: 'grouped';
  readonly layout: GroupedLayout;
  readonly rows: number;
  readonly columns: number;
  readonly bits: 4 | 8;
  /** The number of columns of a group; at most `columns`. */
  readonly groupSize: number;
  /** Floats of any width. */
  readonly scales: WeightRef;
  readonly zeroPoints: WeightRef | undefined;
  /** What is added to a stored zero point, modulo 2^bits. The first format of GPTQ stores zero points less 1. */
  readonly zeroOffset: 0 | 1;
  /** i32 [columns]: the group of each column, if columns of a group are not neighbours. */
  readonly order: WeightRef | undefined;
}

/** The places of rows 0 to 7 in a word of AWQ. */
export const awqPlaces = [0, 4, 1, 5, 2, 6, 3, 7] as const;

export function groupCount({ columns, groupSize }: Pick<GroupedWeight, 'columns' | 'groupSize'>): number {
  return Math.ceil(columns / groupSize);
}
