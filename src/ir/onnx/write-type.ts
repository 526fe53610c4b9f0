import { type DataType, dataTypeNumber } from '../../tensor/index.ts';
import type { Dim, Shape } from '../dim.ts';
import { typeSchema, type DimensionMessage } from './messages.ts';
import { writeMessage } from './wire.ts';
import type { Value } from '../graph.ts';

/** The TypeProto of a value: that of its file if it is still right, otherwise one of its dtype and shape; undefined if both are unknown. */
export function typeOf(value: Value): Uint8Array | undefined {
  const { typeMessage: kept, dtype, shape } = value;
  if (kept && kept.dtype === dtype && sameShape(kept.shape, shape)) return kept.bytes;
  return dtype && writeType(dtype, shape);
}

export function writeType(dtype: DataType, shape: Shape | undefined): Uint8Array {
  const tensorType = {
    elementType: dataTypeNumber(dtype),
    shape: shape && { dims: shape.map(dimensionMessage), unknown: [] },
    unknown: [],
  };
  return writeMessage(typeSchema, { tensorType, unknown: [] });
}

function dimensionMessage(dim: Dim): DimensionMessage {
  if (typeof dim === 'number') return { value: BigInt(dim), unknown: [] };
  return { symbol: dim, unknown: [] };
}

function sameShape(a: Shape | undefined, b: Shape | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return a.length === b.length && a.every((dim, i) => dim === b[i]);
}
