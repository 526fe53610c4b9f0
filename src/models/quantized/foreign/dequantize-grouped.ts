import { awqPlaces, groupCount, isByRow } from './grouped-weight.ts';
import type { GroupedWeight } from '../../weight-ref.ts';

/** The bytes of all tensors of a grouped matrix. */
export interface GroupedBytes {
  readonly packed: Uint8Array;
  readonly scales: Float32Array;
  readonly zeroPoints: Uint8Array | undefined;
  /** The group of each column. Default: groups are neighbours. */
  readonly order?: Int32Array | undefined;
}

/**
 * Dequantizes a matrix of another tool. Each number is rounded to f32 once.
 *
 * @returns f32 [rows, columns]
 * @see GroupedWeight for the formula and the layouts
 */
export function dequantizeGrouped(weight: GroupedWeight, bytes: GroupedBytes): Float32Array {
  const { rows, columns, groupSize } = weight;
  const groups = groupCount(weight);
  const byRow = isByRow(weight);
  const [levelAt, zeroAt] = [levelsOf(weight, bytes.packed), zerosOf(weight, bytes.zeroPoints)];
  const values = new Float32Array(rows * columns);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const group = bytes.order?.[column] ?? Math.floor(column / groupSize);
      const scale = bytes.scales[byRow ? row * groups + group : group * rows + row] ?? 0;
      values[row * columns + column] = scale * (levelAt(row, column) - zeroAt(row, group));
    }
  }
  return values;
}

type At = (row: number, column: number) => number;

function levelsOf({ layout, rows, columns, bits }: GroupedWeight, packed: Uint8Array): At {
  if (layout === 'awq') return awqAt(packed, rows);
  if (layout === 'bytes') return (row, column) => (packed[row * columns + column] ?? 0) ^ 128;
  const perWord = 32 / bits;
  if (layout === 'packed') {
    const words = columns / perWord;
    return (row, column) => partOf(packed, row * words + Math.floor(column / perWord), column % perWord, bits);
  }
  return (row, column) => partOf(packed, Math.floor(column / perWord) * rows + row, column % perWord, bits);
}

function zerosOf(weight: GroupedWeight, packed: Uint8Array | undefined): At {
  const { layout, rows, bits, zeroOffset } = weight;
  const [middle, groups] = [2 ** (bits - 1), groupCount(weight)];
  if (packed === undefined) return () => middle;
  if (weight.zeroPoints?.dtype === 'int8') {
    return (row, group) => ((packed[row * groups + group] ?? 0) + middle) & (2 ** bits - 1);
  }
  const perWord = 32 / bits;
  if (layout === 'packed') {
    return (row, group) => partOf(packed, Math.floor(row / perWord) * groups + group, row % perWord, bits);
  }
  const stored: At =
    layout === 'awq'
      ? awqAt(packed, rows)
      : (row, group) => partOf(packed, group * (rows / perWord) + Math.floor(row / perWord), row % perWord, bits);
  return (row, group) => (stored(row, group) + zeroOffset) & (2 ** bits - 1);
}

/** Rows of eight in a word. Both q [columns, rows / 8] and the zero points [groups, rows / 8] have this layout. */
function awqAt(packed: Uint8Array, rows: number): At {
  return (row, line) => partOf(packed, line * (rows / 8) + Math.floor(row / 8), awqPlaces[row % 8] ?? 0, 4);
}

/** The unsigned number at a place of a word. */
function partOf(bytes: Uint8Array, word: number, place: number, bits: 4 | 8): number {
  if (bits === 8) return bytes[word * 4 + place] ?? 0;
  return ((bytes[word * 4 + (place >> 1)] ?? 0) >> (place % 2 === 0 ? 0 : 4)) & 15;
}
