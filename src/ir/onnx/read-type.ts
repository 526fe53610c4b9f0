import { type DataType, dataTypeOf } from '../../tensor/index.ts';
import { canonicalDim, type Dim, type Shape } from '../dim.ts';
import type { TypeMessage as KeptType } from '../value.ts';
import { typeSchema, type DimensionMessage } from './messages.ts';
import { readMessage } from './wire.ts';
import { writeType } from './write-type.ts';

export interface ReadType {
  readonly dtype: DataType | undefined;
  readonly shape: Shape | undefined;
  /** The type message, if it contains more than dtype and shape: sequences, denotations, dimensions in another notation. */
  readonly kept: KeptType | undefined;
}

/** @throws RangeError for a negative dimension */
export function readType(bytes: Uint8Array): ReadType {
  const { tensorType } = readMessage(typeSchema, bytes);
  const dtype = dataTypeOf(tensorType?.elementType ?? 0);
  const shape = tensorType?.shape?.dims.map(readDim);
  const isPlain = dtype !== undefined && equalBytes(writeType(dtype, shape), bytes);
  return { dtype, shape, kept: isPlain ? undefined : { bytes, dtype, shape } };
}

/** Some exporters write -1 or an empty name for an unknown dimension. */
function readDim({ value, symbol }: DimensionMessage): Dim {
  if (value === undefined) return symbol ? canonicalDim(symbol) : undefined;
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new RangeError(`a shape has the dimension ${value}`);
  return value < 0n ? undefined : Number(value);
}

function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && Buffer.compare(a, b) === 0;
}
