import type { DataType } from '../../tensor/index.ts';

/** Element types by their names in the Open Inference Protocol; BF16 is Triton's addition. */
const byName = {
  BOOL: 'bool',
  UINT8: 'uint8',
  UINT16: 'uint16',
  UINT32: 'uint32',
  UINT64: 'uint64',
  INT8: 'int8',
  INT16: 'int16',
  INT32: 'int32',
  INT64: 'int64',
  FP16: 'float16',
  BF16: 'bfloat16',
  FP32: 'float32',
  FP64: 'float64',
  BYTES: 'string',
} as const satisfies Record<string, DataType>;

export type Datatype = keyof typeof byName;

const byType = new Map<DataType, Datatype>(Object.entries(byName).map(([name, type]) => [type, name as Datatype]));

export const datatypes = Object.keys(byName);

export function dataTypeFor(name: string): DataType | undefined {
  return new Map<string, DataType>(Object.entries(byName)).get(name);
}

/** The protocol's name of an element type. Every type of a served model has a name. */
export function datatypeOf(type: DataType): Datatype {
  return byType.get(type) ?? 'BYTES';
}

/** Whether values of the type can only be sent as bytes. Half-width floats have no form in JSON. */
export function isBinaryOnly(type: DataType): boolean {
  return type === 'float16' || type === 'bfloat16';
}
