import type { Tape, Value } from '../../ir/index.ts';
import type { GraphBuilder } from '../graph/graph-builder.ts';
import { linear } from '../graph/linear.ts';
import { norm } from '../graph/norm.ts';
import type { AttentionLayer, DecoderConfig } from './decoder-config.ts';

/** Queries, keys and values, flat (f32 [tokens, heads·headDim]) or split into heads. */
export interface Heads {
  readonly queries: Value;
  readonly keys: Value;
  readonly values: Value;
}

interface Layer {
  readonly layer: AttentionLayer;
  readonly config: DecoderConfig;
}

/**
 * Computes the queries, keys and values of each token, including the norms over all heads.
 *
 * @param x  f32 [tokens, hidden]
 * @returns f32 [tokens, heads·headDim] and twice [tokens, kvHeads·headDim]
 */
export function project(builder: GraphBuilder, x: Value, { layer, config }: Layer): Heads {
  const { projections, queryKeyNorm: norms } = layer;
  const flat =
    projections.kind === 'packed'
      ? unpacked(builder.tape(layer.path), linear(builder, x, projections.packed), config)
      : {
          queries: linear(builder, x, projections.query),
          keys: linear(builder, x, projections.key),
          values: linear(builder, x, projections.value),
        };
  if (norms?.over !== 'all') return flat;
  const [queries, keys] = [norm(builder, flat.queries, norms.query), norm(builder, flat.keys, norms.key)];
  return { queries, keys, values: flat.values };
}

function unpacked(tape: Tape, packed: Value, { heads, kvHeads, headDim }: DecoderConfig): Heads {
  const widths = [heads, kvHeads, kvHeads].map((count) => count * headDim);
  const [queries, keys, values] = tape.ops('Split', [packed, tape.int64s(widths)], {
    outputs: 3,
    attributes: { axis: -1 },
  });
  if (queries === undefined || keys === undefined || values === undefined)
    throw new TypeError('Split has three outputs');
  return { queries, keys, values };
}
