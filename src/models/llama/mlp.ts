import { float, type Value } from '../../ir/index.ts';
import { mlpLinears } from '../llama-weights.ts';
import { linear } from './linear.ts';
import type { LlamaBuilder } from './llama-builder.ts';

/**
 * The gated feed-forward part of a block: down(silu(gate(x)) ∘ up(x)).
 *
 * WHY QuickGelu: with alpha = 1 it is x·sigmoid(x), SiLU, in one pass over memory.
 *
 * @param x  f32 [tokens, hidden]
 * @see Shazeer 2020, "GLU Variants Improve Transformer", eq. 6
 */
export function mlp(builder: LlamaBuilder, x: Value, layer: number): Value {
  const { gate, up, down } = mlpLinears(builder.config, layer);
  const tape = builder.tape(`model.layers.${layer}.mlp`);
  const gated = tape.op('QuickGelu', [linear(builder, x, gate)], {
    domain: 'com.microsoft',
    attributes: { alpha: float(1) },
  });
  return linear(builder, tape.op('Mul', [gated, linear(builder, x, up)]), down);
}
