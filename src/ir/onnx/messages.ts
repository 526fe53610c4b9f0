/**
 * The parts of ONNX's messages that the IR reads, with field numbers and types of onnx.proto3 of ONNX 1.18.
 * All other fields are kept as unknown bytes.
 */
import { field, repeated, type Message, type Schema } from './wire.ts';

export interface StringEntryMessage extends Message {
  key?: string | undefined;
  value?: string | undefined;
}

export const stringEntrySchema: Schema<StringEntryMessage> = { key: field(1, 'string'), value: field(2, 'string') };

export interface OpsetMessage extends Message {
  domain?: string | undefined;
  version?: bigint | undefined;
}

export const opsetSchema: Schema<OpsetMessage> = { domain: field(1, 'string'), version: field(2, 'int64') };

export interface TensorMessage extends Message {
  dims: bigint[];
  dataType?: number | undefined;
  floatData: number[];
  int32Data: number[];
  int64Data: bigint[];
  name?: string | undefined;
  rawData?: Uint8Array | undefined;
  doubleData: number[];
  uint64Data: bigint[];
  docString?: string | undefined;
  externalData: StringEntryMessage[];
  dataLocation?: number | undefined;
}

export const tensorSchema: Schema<TensorMessage> = {
  dims: repeated(1, 'int64'),
  dataType: field(2, 'int32'),
  floatData: repeated(4, 'float', { packed: true }),
  int32Data: repeated(5, 'int32', { packed: true }),
  int64Data: repeated(7, 'int64', { packed: true }),
  name: field(8, 'string'),
  rawData: field(9, 'bytes'),
  doubleData: repeated(10, 'double', { packed: true }),
  uint64Data: repeated(11, 'uint64', { packed: true }),
  docString: field(12, 'string'),
  externalData: repeated(13, () => stringEntrySchema as Schema<never>),
  dataLocation: field(14, 'int32'),
};

/** A tensor of which only the name is decoded. Its other fields are kept as bytes. */
export const tensorNameSchema: Schema<Message & { name?: string | undefined }> = { name: field(8, 'string') };

/** A sparse tensor. Its name is the name of its values; its other fields are kept as bytes. */
export interface SparseTensorMessage extends Message {
  values?: Uint8Array | undefined;
  dims: bigint[];
}

export const sparseTensorSchema: Schema<SparseTensorMessage> = {
  values: field(1, 'bytes'),
  dims: repeated(3, 'int64'),
};

export interface DimensionMessage extends Message {
  value?: bigint | undefined;
  symbol?: string | undefined;
}

export const dimensionSchema: Schema<DimensionMessage> = { value: field(1, 'int64'), symbol: field(2, 'string') };

export interface ShapeMessage extends Message {
  dims: DimensionMessage[];
}

export const shapeSchema: Schema<ShapeMessage> = { dims: repeated(1, () => dimensionSchema as Schema<never>) };

export interface TensorTypeMessage extends Message {
  elementType?: number | undefined;
  shape?: ShapeMessage | undefined;
}

export const tensorTypeSchema: Schema<TensorTypeMessage> = {
  elementType: field(1, 'int32'),
  shape: field(2, () => shapeSchema as Schema<never>),
};

export interface TypeMessage extends Message {
  tensorType?: TensorTypeMessage | undefined;
}

export const typeSchema: Schema<TypeMessage> = { tensorType: field(1, () => tensorTypeSchema as Schema<never>) };

export interface ValueInfoMessage extends Message {
  name?: string | undefined;
  /** A `TypeMessage`, kept as bytes so that fields that the IR does not read can be written back. */
  type?: Uint8Array | undefined;
  docString?: string | undefined;
  metadata: StringEntryMessage[];
}

export const valueInfoSchema: Schema<ValueInfoMessage> = {
  name: field(1, 'string'),
  type: field(2, 'bytes'),
  docString: field(3, 'string'),
  metadata: repeated(4, () => stringEntrySchema as Schema<never>),
};

export interface AttributeMessage extends Message {
  name?: string | undefined;
  float?: number | undefined;
  int?: bigint | undefined;
  string?: Uint8Array | undefined;
  tensor?: Uint8Array | undefined;
  graph?: GraphMessage | undefined;
  floats: number[];
  ints: bigint[];
  strings: Uint8Array[];
  tensors: Uint8Array[];
  graphs: GraphMessage[];
  docString?: string | undefined;
  type?: number | undefined;
  reference?: string | undefined;
}

export const attributeSchema: Schema<AttributeMessage> = {
  name: field(1, 'string'),
  float: field(2, 'float'),
  int: field(3, 'int64'),
  string: field(4, 'bytes'),
  tensor: field(5, 'bytes'),
  graph: field(6, () => graphSchema as Schema<never>),
  floats: repeated(7, 'float'),
  ints: repeated(8, 'int64'),
  strings: repeated(9, 'bytes'),
  tensors: repeated(10, 'bytes'),
  graphs: repeated(11, () => graphSchema as Schema<never>),
  docString: field(13, 'string'),
  type: field(20, 'int32'),
  reference: field(21, 'string'),
};

export interface NodeMessage extends Message {
  inputs: string[];
  outputs: string[];
  name?: string | undefined;
  opType?: string | undefined;
  attributes: Uint8Array[];
  docString?: string | undefined;
  domain?: string | undefined;
  overload?: string | undefined;
  metadata: StringEntryMessage[];
}

export const nodeSchema: Schema<NodeMessage> = {
  inputs: repeated(1, 'string'),
  outputs: repeated(2, 'string'),
  name: field(3, 'string'),
  opType: field(4, 'string'),
  attributes: repeated(5, 'bytes'),
  docString: field(6, 'string'),
  domain: field(7, 'string'),
  overload: field(8, 'string'),
  metadata: repeated(9, () => stringEntrySchema as Schema<never>),
};

export interface GraphMessage extends Message {
  nodes: NodeMessage[];
  name?: string | undefined;
  initializers: Uint8Array[];
  docString?: string | undefined;
  inputs: ValueInfoMessage[];
  outputs: ValueInfoMessage[];
  valueInfo: ValueInfoMessage[];
  sparseInitializers: Uint8Array[];
  metadata: StringEntryMessage[];
}

export const graphSchema: Schema<GraphMessage> = {
  nodes: repeated(1, () => nodeSchema as Schema<never>),
  name: field(2, 'string'),
  initializers: repeated(5, 'bytes'),
  docString: field(10, 'string'),
  inputs: repeated(11, () => valueInfoSchema as Schema<never>),
  outputs: repeated(12, () => valueInfoSchema as Schema<never>),
  valueInfo: repeated(13, () => valueInfoSchema as Schema<never>),
  sparseInitializers: repeated(15, 'bytes'),
  metadata: repeated(16, () => stringEntrySchema as Schema<never>),
};

export interface FunctionMessage extends Message {
  name?: string | undefined;
  inputs: string[];
  outputs: string[];
  attributes: string[];
  nodes: NodeMessage[];
  docString?: string | undefined;
  opsets: OpsetMessage[];
  domain?: string | undefined;
  defaults: Uint8Array[];
  valueInfo: ValueInfoMessage[];
  overload?: string | undefined;
  metadata: StringEntryMessage[];
}

export const functionSchema: Schema<FunctionMessage> = {
  name: field(1, 'string'),
  inputs: repeated(4, 'string'),
  outputs: repeated(5, 'string'),
  attributes: repeated(6, 'string'),
  nodes: repeated(7, () => nodeSchema as Schema<never>),
  docString: field(8, 'string'),
  opsets: repeated(9, () => opsetSchema as Schema<never>),
  domain: field(10, 'string'),
  defaults: repeated(11, 'bytes'),
  valueInfo: repeated(12, () => valueInfoSchema as Schema<never>),
  overload: field(13, 'string'),
  metadata: repeated(14, () => stringEntrySchema as Schema<never>),
};

export interface ModelMessage extends Message {
  irVersion?: bigint | undefined;
  producerName?: string | undefined;
  producerVersion?: string | undefined;
  domain?: string | undefined;
  modelVersion?: bigint | undefined;
  docString?: string | undefined;
  graph?: GraphMessage | undefined;
  opsets: OpsetMessage[];
  metadata: StringEntryMessage[];
  functions: FunctionMessage[];
}

export const modelSchema: Schema<ModelMessage> = {
  irVersion: field(1, 'int64'),
  producerName: field(2, 'string'),
  producerVersion: field(3, 'string'),
  domain: field(4, 'string'),
  modelVersion: field(5, 'int64'),
  docString: field(6, 'string'),
  graph: field(7, () => graphSchema as Schema<never>),
  opsets: repeated(8, () => opsetSchema as Schema<never>),
  metadata: repeated(14, () => stringEntrySchema as Schema<never>),
  functions: repeated(25, () => functionSchema as Schema<never>),
};
