import type { Value } from '../../ir/index.ts';
import { activate } from '../graph/activation.ts';
import { embedding } from '../graph/embedding.ts';
import type { GraphBuilder } from '../graph/graph-builder.ts';
import { linear } from '../graph/linear.ts';
import { norm } from '../graph/norm.ts';
import type { DecoderConfig, PerLayerBranch } from './decoder-config.ts';
import { scaled } from './scaling.ts';

/**
 * The further vectors of tokens, for each block f32 [tokens, width]; none where the decoder has none.
 *
 * @param at  `ids` i64 [tokens], and `embedded` f32 [tokens, hidden]: what the first block reads
 */
export function perLayerInputs(
  builder: GraphBuilder,
  { perLayer, layers }: DecoderConfig,
  { ids, embedded }: { readonly ids: Value; readonly embedded: Value },
): readonly Value[] {
  if (perLayer === undefined) return [];
  const { width, table, tableScale, projection, projectionScale, norm: last } = perLayer;
  const tape = builder.tape(table);
  const tokens = embedded.shape?.[0];
  const ofIds = scaled(tape, embedding(builder, ids, table), tableScale);
  const projected = scaled(tape, linear(builder, embedded, projection), projectionScale);
  const apart = tape.op('Reshape', [projected, tape.int64s([-1, layers, width])], { shape: [tokens, layers, width] });
  const together = tape.op('Reshape', [norm(builder, apart, last), tape.int64s([-1, layers * width])], {
    shape: [tokens, layers * width],
  });
  const all = scaled(tape, tape.op('Add', [together, ofIds]), Math.SQRT1_2);
  const parts = tape.ops('Split', [all], { outputs: layers, attributes: { axis: 1, num_outputs: layers } });
  for (const part of parts) part.shape = [tokens, width];
  return parts;
}

/** @param input  f32 [tokens, width]: the vectors of this block */
export function perLayerBranch(
  builder: GraphBuilder,
  x: Value,
  { layer, input }: { readonly layer: PerLayerBranch; readonly input: Value },
): Value {
  const tape = builder.tape(layer.path);
  const gated = activate(tape, linear(builder, x, layer.gate), layer.activation);
  const projected = linear(builder, tape.op('Mul', [gated, input]), layer.projection);
  return tape.op('Add', [x, norm(builder, projected, layer.norm)]);
}
