import { roundedRows, type Value } from '../../ir/index.ts';
import type { GraphBuilder } from './graph-builder.ts';
import { areBytes, joinedByteProduct, joinedProduct } from './joined-linear.ts';
import { linear, type LinearLayer } from './linear.ts';
import type { Dispatch } from './routing.ts';

/** The layers of each expert whose results lie side by side. */
interface ExpertLayers {
  readonly sent: Dispatch;
  readonly layers: readonly (readonly LinearLayer[])[];
}

/**
 * Multiplies the rows of each expert with its own matrix. Without rows a product costs nothing but the call, and no weight is read.
 *
 * WHY rows are rounded before they are split: a node for each expert is a call for each expert, whether it has rows or not.
 *
 * @param rows  f32 [rows, in], in the order of the experts
 * @returns f32 [rows, sum of out]
 */
export function expertProducts(builder: GraphBuilder, rows: Value, { sent, layers }: ExpertLayers): Value {
  const width = layers[0]?.reduce((sum, { out }) => sum + out, 0) ?? 0;
  const every = (parts: readonly Value[], product: (x: Value, of: readonly LinearLayer[]) => Value): Value =>
    sent.join(
      layers.flatMap((of, index) => (parts[index] ? [product(parts[index], of)] : [])),
      width,
    );
  if (builder.exact || !areBytes(builder, layers.flat())) {
    return every(sent.split(rows), (x, [layer, ...others]) => {
      if (layer === undefined) throw new TypeError('an expert has no layer');
      return others.length === 0 ? linear(builder, x, layer) : joinedProduct(builder, x, [layer, ...others]);
    });
  }
  const tape = builder.tape(sharedPath(layers));
  const { levels, scale } = roundedRows(tape, rows);
  const products = every(sent.split(levels), (x, of) => joinedByteProduct(builder, x, of));
  const scaled = tape.op('Mul', [products, scale]);
  return layers[0]?.[0]?.bias ? tape.op('Add', [scaled, biasOfRows(builder, { sent, layers })]) : scaled;
}

/** The bias of the expert of each row: f32 [rows, sum of out]. */
function biasOfRows(builder: GraphBuilder, { sent, layers }: ExpertLayers): Value {
  const tape = builder.tape(sharedPath(layers));
  const flat = tape.op(
    'Concat',
    layers.flat().map(({ path }) => builder.weight(`${path}.bias`)),
    { attributes: { axis: 0 } },
  );
  const table = tape.op('Reshape', [flat, tape.int64s([layers.length, -1])]);
  return tape.op('Gather', [table, sent.expertOfRows()]);
}

/** Where the names of nodes begin that are those of all experts. */
function sharedPath([first]: ExpertLayers['layers']): string {
  return (first?.[0]?.path ?? '').replace(/\.\d+\.([^.]+)$/, '.$1');
}
