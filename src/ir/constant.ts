import type { DataType, TensorData } from '../tensor/index.ts';

/** What a tensor of a file may carry besides its data, kept so that it can be written back. */
export interface Carried {
  readonly name?: string;
  readonly docString?: string;
  /** Fields of ONNX that this IR does not read, as they stood in the file. */
  readonly unknown?: readonly Uint8Array[];
}

/** Data in the model itself. The bytes may be a view of the file that was decoded: never write to them. */
export interface InlineConstant extends Carried {
  readonly kind: 'inline';
  readonly tensor: TensorData;
}

/** Data in another file, at a path relative to the model's folder. Nothing is read until someone needs it. */
export interface ExternalConstant extends Carried {
  readonly kind: 'external';
  readonly location: string;
  /** Bytes from the beginning of the file. */
  readonly offset: number;
  /** Bytes. */
  readonly length: number;
  readonly dtype: DataType;
  readonly shape: readonly number[];
  /** Keys of ONNX's external data beyond location, offset and length ("checksum"). */
  readonly extra?: readonly (readonly [key: string, value: string])[];
}

/** A tensor whose elements this IR does not read (strings, float8, sparse ones): its ONNX message, byte for byte. */
export interface OpaqueConstant extends Carried {
  readonly kind: 'opaque';
  /** The message is a SparseTensorProto, not a TensorProto. */
  readonly sparse?: boolean;
  readonly dtype: DataType | undefined;
  readonly shape: readonly number[];
  readonly message: Uint8Array;
}

/** The data of an initializer, or of a tensor attribute. */
export type ConstantData = InlineConstant | ExternalConstant | OpaqueConstant;

export function inlineConstant(tensor: TensorData): InlineConstant {
  return { kind: 'inline', tensor };
}

export function constantDtype(constant: ConstantData): DataType | undefined {
  return constant.kind === 'inline' ? constant.tensor.dtype : constant.dtype;
}

export function constantShape(constant: ConstantData): readonly number[] {
  return constant.kind === 'inline' ? constant.tensor.shape : constant.shape;
}
