import type { DataType } from '../tensor/index.ts';

/** A tensor as the files of a base hold it: a part of a file, or bytes that were read with the graph. */
export type StoredTensor = { readonly dtype: DataType; readonly shape: readonly number[] } & (
  { readonly location: string; readonly offset: number; readonly length: number } | { readonly bytes: Uint8Array }
);

/** Everything that the files of a base hold, whether or not its configuration asks for it. */
export interface StoredTensors {
  readonly form: 'checkpoint' | 'onnx';
  /** By their names in the files. */
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  /** The files that the runtime maps into memory, relative to the folder of the base, each once. */
  readonly locations: readonly string[];
  /** The fingerprint that the files carry, of the base that they were made from. */
  readonly fingerprint?: string;
}
