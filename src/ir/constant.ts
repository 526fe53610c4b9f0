import type { DataType, Decoding, TensorData } from '../tensor/index.ts';

/** Further content of a tensor in a file, kept so that it can be written back. */
export interface Carried {
  readonly name?: string;
  readonly docString?: string;
  /** ONNX fields that this IR does not read, as their bytes in the file. */
  readonly unknown?: readonly Uint8Array[];
}

/** Data in the model itself. The bytes may be a view of the decoded file and must never be written to. */
export interface InlineConstant extends Carried {
  readonly kind: 'inline';
  readonly tensor: TensorData;
}

/** Data in another file, at a path relative to the model's folder. The file is read only when the data is needed. */
export interface ExternalConstant extends Carried {
  readonly kind: 'external';
  readonly location: string;
  /** Byte offset in the file. */
  readonly offset: number;
  /** Number of bytes. */
  readonly length: number;
  readonly dtype: DataType;
  readonly shape: readonly number[];
  /**
   * Whether a link at the location may lead out of the folder. True for files that Espalier itself names in a checkpoint's folder: the
   * operator put the link there. A graph of another tool could name any link, and must not.
   */
  readonly mayBeLink?: boolean;
  /** How the elements follow from the bytes at this place, where they are not the bytes themselves. ONNX files cannot say it. */
  readonly decoding?: Decoding;
  /** Keys of ONNX's external data other than location, offset and length, such as "checksum". */
  readonly extra?: readonly (readonly [key: string, value: string])[];
}

/** A tensor whose elements this IR does not read (strings, float8, sparse tensors), as the bytes of its ONNX message. */
export interface OpaqueConstant extends Carried {
  readonly kind: 'opaque';
  /** Whether the message is a SparseTensorProto instead of a TensorProto. */
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
