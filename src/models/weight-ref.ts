import type { DataType, Decoding } from '../tensor/index.ts';
import type { QuantizationConfig } from './quantized/quantization-config.ts';

/** The place of one weight in the files of the checkpoint. */
export interface WeightRef {
  readonly name: string;
  /** File name within the checkpoint's folder. */
  readonly location: string;
  /** Byte offset in the file. */
  readonly offset: number;
  readonly length: number;
  readonly dtype: DataType;
  readonly shape: readonly number[];
  /** How the elements follow from the bytes, where `dtype` and `shape` are those of the result and not of the bytes. */
  readonly decoding?: Decoding;
  /** How the bytes of a quantized weight are interpreted. Absent for floats. */
  readonly quantized?: QuantizedWeight;
}

/** A tensor as equal parts, which lie one after the other in its bytes. */
export function dividedRef(ref: WeightRef, parts: readonly Pick<WeightRef, 'name' | 'shape'>[]): WeightRef[] {
  const length = ref.length / parts.length;
  return parts.map((part, i) => ({ ...ref, ...part, offset: ref.offset + i * length, length }));
}

/**
 * A matrix [rows, columns] that a checkpoint stores as integers. The shape is [out, in] for a linear layer and [tokens, width] for
 * an embedding.
 */
export type QuantizedWeight =
  | {
      /** u8 [rows, blocks, bytes per block], scales f32 [rows, blocks], zero points u8 [rows, bytes]; see `quantizeBlocks`. */
      readonly kind: 'blocks';
      readonly rows: number;
      readonly columns: number;
      readonly bits: 4 | 8;
      readonly blockSize: number;
      readonly activations: QuantizationConfig['activations'];
      readonly scales: WeightRef;
      readonly zeroPoints: WeightRef | undefined;
    }
  | {
      /** Bytes [columns, rows], stored transposed for the product of bytes; scales f32 [rows]. */
      readonly kind: 'int8';
      readonly rows: number;
      readonly columns: number;
      /** Whether the bytes are signed. Otherwise they have the zero point 128, as in checkpoints of Espalier before 0.3. */
      readonly signed: boolean;
      readonly scales: WeightRef;
    }
  | GroupedWeight
  | Float8Weight
  | Mxfp4Weight
  | DecodedWeight;

/** A matrix f32 [rows, columns] that no operator reads as it lies. It is decoded whenever a graph is opened; its place has a `decoding`. */
export interface DecodedWeight {
  readonly kind: 'decoded';
  readonly rows: number;
  readonly columns: number;
  /** In the file, factors not counted. */
  readonly bits: number;
  /** Tensors of f32 in which a number that is not finite would make others so. */
  readonly floats: readonly WeightRef[];
}

/**
 * A matrix of floats of 8 bits (E4M3) in rectangles that share a scale:
 *
 *   w[r, c] = f[r, c] · scale[⌊r / blockRows⌋, ⌊c / blockColumns⌋]
 */
export interface Float8Weight {
  readonly kind: 'float8';
  readonly rows: number;
  readonly columns: number;
  readonly blockRows: number;
  readonly blockColumns: number;
  /** Floats of any width. The tool's name for them is `weight_scale_inv`; they multiply nevertheless. */
  readonly scales: WeightRef;
}

/**
 * A matrix of floats of 4 bits (E2M1) in blocks of 32 neighbours of a row, with a power of two for each block:
 *
 *   w[r, c] = f[r, c] · 2^(s[r, ⌊c / 32⌋] − 127)
 *
 * Stored as u8 [rows, columns / 32, 16], with the first of two numbers in the lower half of a byte.
 * @see OCP Microscaling Formats (MX) 1.0
 */
export interface Mxfp4Weight {
  readonly kind: 'mxfp4';
  readonly rows: number;
  readonly columns: number;
  /** Whether the floats of this layer are stored as [columns, rows]. */
  readonly turned: boolean;
  /** u8 [rows, columns / 32] */
  readonly scales: WeightRef;
}

/** The tool whose packing a grouped matrix has. */
export type GroupedLayout = 'gptq' | 'awq' | 'packed' | 'bytes';

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
 * - `packed` (compressed-tensors): q i32 [rows, columns / n]: a word holds n neighbours of a row. Scales [rows, groups], zero points
 *   i32 [rows / n, groups].
 * - `bytes` (compressed-tensors): q i8 [rows, columns], read as q + 128; scales [rows, groups].
 *
 * Zero points of the last two may also be i8 [rows, groups], read as zero + 2^(bits − 1).
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
