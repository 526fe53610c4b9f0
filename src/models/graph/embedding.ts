import { moduleKey, type Value } from '../../ir/index.ts';
import { dataTypeNumber } from '../../tensor/index.ts';
import type { GraphBuilder } from './graph-builder.ts';
import { quantizedRows } from './quantized-rows.ts';

/**
 * Selects rows of a table, f32 [tokens, width], and marks the node with the path of the table's module. All families use this function.
 *
 * WHY the cast comes after: a large table of half-width floats stays in its file, and only the selected rows become f32.
 *
 * @param ids   i64 [tokens]
 * @param path  the table is `<path>.weight`, [rows, width]
 */
export function embedding(builder: GraphBuilder, ids: Value, path: string): Value {
  const quantized = builder.quantized(`${path}.weight`);
  if (quantized !== undefined) return quantizedRows(builder, ids, { path, weight: quantized });
  const table = builder.storedWeight(`${path}.weight`);
  const rows = builder.tape(path, { [moduleKey]: path }).op('Gather', [table, ids]);
  if (rows.dtype === 'float32') return rows;
  return builder.tape(path).op('Cast', [rows], { attributes: { to: dataTypeNumber('float32') } });
}
