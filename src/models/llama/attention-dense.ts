import { float, type Tape, type Value } from '../../ir/index.ts';
import { tensorOf } from '../../tensor/index.ts';
import { attentionLinears } from '../llama-weights.ts';
import { linear } from './linear.ts';
import type { LlamaBuilder } from './llama-builder.ts';
import { ropeTables } from './rope-tables.ts';
import type { Attention } from './stack.ts';

/** What a masked score is set to: the lowest f32, which no real score can lift above the softmax's underflow. */
const masked = -3.4028234663852886e38;

/**
 * Causal attention over whole rows, in operators that have gradients. Rows are padded on the right, so that a causal mask is all
 * that is needed: no real token sees padding.
 *
 *   softmax(Q·Kᵀ / sqrt(headDim) + mask)·V
 *
 * WHY the query heads are folded: the query heads that share a key head become rows of one product, so that keys and values are
 * never repeated in memory.
 *
 * @param inputIds   i64 [batch, seq]
 * @param maxLength  the longest seq that the graph can be given
 */
export function denseAttention(builder: LlamaBuilder, inputIds: Value, maxLength: number): Attention {
  const shared = sharedValues(builder, inputIds, maxLength);
  return (x, layer) => {
    const { q, k, v, o } = attentionLinears(builder.config, layer);
    const tape = builder.tape(`model.layers.${layer}.self_attn`);
    const queries = rotate(tape, shared, splitHeads(tape, linear(builder, x, q), shared.queryShape));
    const keys = rotate(tape, shared, splitHeads(tape, linear(builder, x, k), shared.keyShape));
    const values = splitHeads(tape, linear(builder, x, v), shared.keyShape);
    return linear(builder, attend(builder, tape, { shared, queries, keys, values }), o);
  };
}

/** What all layers use: shapes for Reshape (0 keeps a dimension, -1 is what is left), the mask and the rotary tables. */
interface Shared {
  /** i64 [4]: batch, seq, heads, headDim */
  readonly queryShape: Value;
  /** i64 [4]: batch, seq, kvHeads, headDim */
  readonly keyShape: Value;
  /** i64 [4]: batch, heads, seq, seq */
  readonly scoreShape: Value;
  /** i64 [4]: batch, kvHeads, heads / kvHeads · seq, seq */
  readonly foldedScoreShape: Value;
  /** f32 [seq, seq]: 0 up to the diagonal, the lowest number above it */
  readonly mask: Value;
  readonly cos: Value;
  readonly sin: Value;
  /** i64 [1]: where positions begin */
  readonly firstPosition: Value;
}

function sharedValues(builder: LlamaBuilder, inputIds: Value, maxLength: number): Shared {
  const { heads, kvHeads, headDim, ropeTheta } = builder.config;
  const tape = builder.tape('model.attention');
  const rows = tape.op('Shape', [inputIds]);
  const seq = tape.op('Shape', [inputIds], { attributes: { start: 1 } });
  const shape = (...parts: (Value | number[])[]): Value =>
    tape.op(
      'Concat',
      parts.map((part) => (Array.isArray(part) ? tape.int64s(part) : part)),
      { attributes: { axis: 0 } },
    );
  const square = tape.op('ConstantOfShape', [shape(seq, seq)], {
    attributes: { value: tensorOf('float32', [1], [masked]) },
  });
  const tables = ropeTables({ positions: maxLength, headDim, theta: ropeTheta });
  return {
    queryShape: shape(rows, [heads, headDim]),
    keyShape: shape(rows, [kvHeads, headDim]),
    scoreShape: shape([0, heads, -1], seq),
    foldedScoreShape: shape([0, kvHeads, -1], seq),
    mask: tape.op('Trilu', [square, tape.int64(1)], { attributes: { upper: 1 } }),
    cos: tape.constant(tables.cos, 'cos'),
    sin: tape.constant(tables.sin, 'sin'),
    firstPosition: tape.int64s([0]),
  };
}

/** f32 [tokens, heads·headDim] → [batch, heads, seq, headDim] */
function splitHeads(tape: Tape, x: Value, shape: Value): Value {
  return tape.op('Transpose', [tape.op('Reshape', [x, shape])], { attributes: { perm: [0, 2, 1, 3] } });
}

/** Turns each head by its position: f32 [batch, heads, seq, headDim] → the same. */
function rotate(tape: Tape, { firstPosition, cos, sin }: Shared, x: Value): Value {
  return tape.op('RotaryEmbedding', [x, firstPosition, cos, sin], { domain: 'com.microsoft' });
}

interface Heads {
  readonly shared: Shared;
  readonly queries: Value;
  readonly keys: Value;
  readonly values: Value;
}

/** @returns f32 [tokens, heads·headDim] */
function attend({ config }: LlamaBuilder, tape: Tape, { shared, queries, keys, values }: Heads): Value {
  const { heads, kvHeads, headDim } = config;
  const folded = tape.op('Reshape', [queries, tape.int64s([0, kvHeads, -1, headDim])]);
  const products = tape.op('FusedMatMul', [folded, keys], {
    domain: 'com.microsoft',
    attributes: { transB: 1, alpha: float(1 / Math.sqrt(headDim)) },
  });
  const scores = tape.op('Add', [tape.op('Reshape', [products, shared.scoreShape]), shared.mask]);
  const weights = tape.op('Softmax', [scores], { attributes: { axis: -1 } });
  const mixed = tape.op('MatMul', [tape.op('Reshape', [weights, shared.foldedScoreShape]), values]);
  const unfolded = tape.op('Reshape', [mixed, tape.int64s([0, heads, -1, headDim])]);
  const joined = tape.op('Transpose', [unfolded], { attributes: { perm: [0, 2, 1, 3] } });
  return tape.op('Reshape', [joined, tape.int64s([-1, heads * headDim])]);
}
