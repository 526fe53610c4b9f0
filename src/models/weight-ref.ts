import type { DataType } from '../tensor/index.ts';
import type { QuantizationConfig } from './quantized/quantization-config.ts';
import type { GroupedWeight } from './quantized/foreign/grouped-weight.ts';

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
  /** How the bytes of a quantized weight are interpreted. Absent for floats. */
  readonly quantized?: QuantizedWeight;
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
  | GroupedWeight;
