import { constantDtype, constantShape, type Graph, type Value } from '../../ir/index.ts';
import { byteLength, dataTypeNumber } from '../../tensor/index.ts';

/**
 * Bytes of all initializers of a graph, as a session holds them in memory. 16-bit floats that are cast to f32 are counted as f32, since
 * ONNX Runtime casts them when it loads the graph; those that other nodes read too are there twice.
 */
export function weightBytesOf({ initializers }: Pick<Graph, 'initializers'>): number {
  return Array.from(initializers.values()).reduce((sum, value) => sum + bytesOf(value), 0);
}

function bytesOf(value: Value): number {
  const { constant } = value;
  const dtype = constant && constantDtype(constant);
  if (constant === undefined || dtype === undefined || dtype === 'string') return 0;
  const shape = constantShape(constant);
  const stored = byteLength(dtype, shape);
  if (dtype !== 'float16' && dtype !== 'bfloat16') return stored;
  const readers = [...value.uses].map(({ node }) => node);
  const casts = readers.filter((node) => node.opType === 'Cast' && node.intAttribute('to', 0) === floats);
  if (casts.length === 0) return stored;
  const staysStored = casts.length < readers.length || value.isGraphOutput;
  return byteLength('float32', shape) + (staysStored ? stored : 0);
}

const floats = dataTypeNumber('float32');
