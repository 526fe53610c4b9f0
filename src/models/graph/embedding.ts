import { moduleKey, type Value } from '../../ir/index.ts';
import { dataTypeNumber } from '../../tensor/index.ts';
import type { GraphBuilder } from './graph-builder.ts';
import { quantizedRows } from './quantized-rows.ts';

/**
 * Rows of a table, f32 [tokens, width], marked with the table's module path. Every embedding of every family goes through here.
 *
 * WHY the cast comes after: a large vocabulary in half-width floats stays in its file, and only what is picked becomes f32.
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
