import type { DataType } from '../tensor/index.ts';

/** A tensor in the files of a base: a part of a file, or bytes that were read with the graph. */
export type StoredTensor = { readonly dtype: DataType; readonly shape: readonly number[] } & (
  | { readonly location: string; readonly offset: number; readonly length: number }
  | { readonly bytes: Uint8Array }
);

/** All tensors in the files of a base, including those that its configuration does not use. */
export interface StoredTensors {
  readonly form: 'checkpoint' | 'onnx' | 'gguf';
  /** By their names in the files. */
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  /** The files that the runtime maps into memory, relative to the folder of the base, without duplicates. */
  readonly locations: readonly string[];
  /** The fingerprint in the files' metadata, of the base from which they were made. */
  readonly fingerprint?: string;
}

/** Bytes of all tensors in the files. */
export function storedBytes({ tensors }: Pick<StoredTensors, 'tensors'>): number {
  return [...tensors.values()].reduce((sum, one) => sum + ('bytes' in one ? one.bytes.length : one.length), 0);
}
