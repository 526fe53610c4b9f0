import type { Value } from '../../../ir/index.ts';
import type { GraphBuilder } from '../graph-builder.ts';
import { linear, type LinearLayer } from '../linear.ts';
import { causalConv, type ConvLayer } from './causal-conv.ts';
import type { StateRows } from './state-rows.ts';

/** A gated convolution over a few tokens, as in LFM2. */
export interface ShortConvLayer {
  readonly kind: 'short-conv';
  readonly path: string;
  /** Gives B, C and x side by side: [hidden] → [3·hidden]. */
  readonly input: LinearLayer;
  readonly conv: ConvLayer;
  readonly output: LinearLayer;
}

/**
 * A gated short convolution before its output layer.
 *
 *   B, C, x = input(h);   y = C ∘ conv(B ∘ x)
 *
 * @param hidden  f32 [tokens, hidden]
 * @returns f32 [tokens, hidden]
 */
export function shortConv(
  builder: GraphBuilder,
  hidden: Value,
  { layer, rows }: { readonly layer: ShortConvLayer; readonly rows: StateRows },
): Value {
  const { path, input, conv } = layer;
  const tape = builder.tape(path);
  const [b, c, x] = tape.ops('Split', [linear(builder, hidden, input)], {
    outputs: 3,
    attributes: { axis: -1, num_outputs: 3 },
  });
  if (b === undefined || c === undefined || x === undefined) throw new TypeError('Split has three outputs');
  const gated = tape.op('Mul', [b, x]);
  const mixed = causalConv(builder, rows.enter(tape, gated, conv.channels), { layer: conv, rows });
  return tape.op('Mul', [c, rows.leave(tape, mixed, conv.channels)]);
}
