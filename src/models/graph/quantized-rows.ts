import { moduleKey, type Value } from '../../ir/index.ts';
import type { QuantizedWeight } from '../weight-ref.ts';
import type { GraphBuilder } from './graph-builder.ts';

/**
 * Selects rows of a quantized table, f32 [tokens, width], and marks the node with the path of the table's module.
 *
 * @param ids  i64 [tokens]
 * @see com.microsoft GatherBlockQuantized-1
 */
export function quantizedRows(
  builder: GraphBuilder,
  ids: Value,
  { path, weight }: { readonly path: string; readonly weight: QuantizedWeight },
): Value {
  if (weight.kind === 'decoded') {
    return builder.tape(path, { [moduleKey]: path }).op('Gather', [builder.storedWeight(`${path}.weight`), ids]);
  }
  if (weight.kind !== 'blocks') throw new TypeError(`${path} lies in no blocks, which openBaseModel lets not pass`);
  const { rows, columns, bits, blockSize, scales, zeroPoints } = weight;
  const blocks = columns / blockSize;
  const inputs = [
    builder.bytesOf(`${path}.weight`, [rows, (columns * bits) / 8]),
    ids,
    builder.bytesOf(scales, [rows, blocks]),
    ...(zeroPoints === undefined ? [] : [builder.bytesOf(zeroPoints, [rows, Math.ceil((blocks * bits) / 8)])]),
  ];
  const attributes = { gather_axis: 0, quantize_axis: 1, block_size: blockSize, bits };
  return builder
    .tape(path, { [moduleKey]: path })
    .op('GatherBlockQuantized', inputs, { domain: 'com.microsoft', attributes, dtype: 'float32' });
}
