import type { ConstantData, ExternalConstant } from '../constant.ts';
import { byteLength, dataTypeNumber } from '../../tensor/index.ts';
import {
  sparseTensorSchema,
  tensorNameSchema,
  tensorSchema,
  type StringEntryMessage,
  type TensorMessage,
} from './messages.ts';
import { readMessage, writeMessage } from './wire.ts';

const external = 1;

/** Writes a TensorProto: inline data as raw bytes, external data as location, offset and length. */
export function writeTensor(constant: ConstantData, name: string | undefined): Uint8Array {
  if (constant.kind === 'opaque')
    return constant.sparse ? writeSparse(constant.message, name) : writeOpaque(constant.message, name);
  const message = emptyTensor();
  message.name = name || undefined;
  message.docString = constant.docString || undefined;
  message.unknown = constant.unknown ?? [];
  if (constant.kind === 'inline') {
    message.dims = constant.tensor.shape.map(BigInt);
    message.dataType = dataTypeNumber(constant.tensor.dtype);
    message.rawData = constant.tensor.bytes;
  } else {
    message.dims = constant.shape.map(BigInt);
    message.dataType = dataTypeNumber(constant.dtype);
    message.dataLocation = external;
    const { extra = [] } = constant;
    const { location, offset, length } = constant.decoding === undefined ? constant : nowhere(constant);
    const entries = [['location', location], ['offset', `${offset}`], ['length', `${length}`], ...extra] as const;
    message.externalData = entries.map(([key, value]) => stringEntry(key, value));
  }
  return writeMessage(tensorSchema, message);
}

/** A decoded tensor lies in no file. Whoever loads the model is given its data; a session without it finds no such file. */
function nowhere({ dtype, shape }: ExternalConstant): Pick<ExternalConstant, 'location' | 'offset' | 'length'> {
  return { location: 'decoded', offset: 0, length: byteLength(dtype, shape) };
}

/** Writes a kept message under its current name. All other fields pass as unknown bytes. */
function writeOpaque(message: Uint8Array, name: string | undefined): Uint8Array {
  const kept = readMessage(tensorNameSchema, message);
  if ((kept.name ?? '') === (name ?? '')) return message;
  return writeMessage(tensorNameSchema, { ...kept, name: name || undefined });
}

function writeSparse(message: Uint8Array, name: string | undefined): Uint8Array {
  const kept = readMessage(sparseTensorSchema, message);
  const values = kept.values && writeOpaque(kept.values, name);
  return values === kept.values ? message : writeMessage(sparseTensorSchema, { ...kept, values });
}

export function stringEntry(key: string, value: string): StringEntryMessage {
  return { key, value, unknown: [] };
}

export function emptyTensor(): TensorMessage {
  return {
    dims: [],
    floatData: [],
    int32Data: [],
    int64Data: [],
    doubleData: [],
    uint64Data: [],
    externalData: [],
    unknown: [],
  };
}
