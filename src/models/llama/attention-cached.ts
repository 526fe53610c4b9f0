import { float, type Tape, type Value } from '../../ir/index.ts';
import type { LlamaConfig } from '../llama-config.ts';
import { attentionLinears } from '../llama-weights.ts';
import { linear } from './linear.ts';
import type { LlamaBuilder } from './llama-builder.ts';
import { ropeTables } from './rope-tables.ts';
import type { Attention } from './stack.ts';

/** The inputs of the decode graph that attention reads. */
export interface CacheInputs {
  /** i64 [batch, seq] */
  readonly inputIds: Value;
  /** i32 [batch]: each row's length, the new tokens included, less one */
  readonly seqlens: Value;
  /** i32 []: the longest row's length */
  readonly totalLength: Value;
  readonly maxLength: number;
}

/**
 * Whether GroupQueryAttention turns the heads itself. It refuses head sizes that are no multiple of 16; then the graph turns them
 * before, by positions that the caller gives.
 */
export function rotatesInAttention({ headDim }: LlamaConfig): boolean {
  return headDim % 16 === 0;
}

/**
 * Causal attention on keys and values that are kept between runs. Each layer has an input `past_key_values.N.key` and an output
 * `present.N.key`, f32 [batch, kvHeads, maxLength, headDim], and the same of the values. The caller binds both to the same memory:
 * then a run writes the new tokens' keys behind the old ones, and copies nothing.
 *
 * @see ONNX Runtime's contrib operator GroupQueryAttention
 */
export function cachedAttention(builder: LlamaBuilder, inputs: CacheInputs): Attention {
  const shared = sharedValues(builder, inputs);
  return (x, layer) => {
    const { q, k, v, o } = attentionLinears(builder.config, layer);
    const tape = builder.tape(`model.layers.${layer}.self_attn`);
    const rows = (flat: Value): Value => tape.op('Reshape', [flat, shared.rowShape]);
    const queries = rows(linear(builder, x, q));
    const keys = rows(linear(builder, x, k));
    const values = rows(linear(builder, x, v));
    const attended = attend(builder, tape, { shared, inputs, layer, queries, keys, values });
    const flat = tape.op('Reshape', [attended, tape.int64s([-1, q.out])]);
    return linear(builder, flat, o);
  };
}

interface Shared {
  /** i64 [3]: batch, seq, and what is left */
  readonly rowShape: Value;
  readonly cos: Value;
  readonly sin: Value;
  /** i64 [batch, seq], where heads are turned before the attention */
  readonly positions: Value | undefined;
}

function sharedValues(builder: LlamaBuilder, { inputIds, maxLength }: CacheInputs): Shared {
  const { headDim, ropeTheta } = builder.config;
  const tape = builder.tape('model.attention');
  const tables = ropeTables({ positions: maxLength, headDim, theta: ropeTheta });
  const inside = rotatesInAttention(builder.config);
  return {
    rowShape: tape.op('Concat', [tape.op('Shape', [inputIds]), tape.int64s([-1])], { attributes: { axis: 0 } }),
    cos: tape.constant(tables.cos, 'cos'),
    sin: tape.constant(tables.sin, 'sin'),
    positions: inside ? undefined : builder.graph.addInput('position_ids', 'int64', ['batch', 'seq']),
  };
}

interface CachedHeads {
  readonly shared: Shared;
  readonly inputs: CacheInputs;
  readonly layer: number;
  /** f32 [batch, seq, heads·headDim] */
  readonly queries: Value;
  /** f32 [batch, seq, kvHeads·headDim] */
  readonly keys: Value;
  readonly values: Value;
}

/** @returns f32 [batch, seq, heads·headDim] */
function attend(builder: LlamaBuilder, tape: Tape, { shared, inputs, layer, ...heads }: CachedHeads): Value {
  const { heads: count, kvHeads, headDim } = builder.config;
  const inside = shared.positions === undefined;
  const past = ['key', 'value'].map((part) =>
    builder.graph.addInput(`past_key_values.${layer}.${part}`, 'float32', [
      'batch',
      kvHeads,
      inputs.maxLength,
      headDim,
    ]),
  );
  const queries = rotate(tape, shared, { x: heads.queries, count });
  const keys = rotate(tape, shared, { x: heads.keys, count: kvHeads });
  const rotary = inside ? [shared.cos, shared.sin] : [];
  const [attended, ...present] = tape.ops(
    'GroupQueryAttention',
    [queries, keys, heads.values, ...past, inputs.seqlens, inputs.totalLength, ...rotary],
    {
      domain: 'com.microsoft',
      outputs: 3,
      attributes: {
        num_heads: count,
        kv_num_heads: kvHeads,
        scale: float(1 / Math.sqrt(headDim)),
        ...(inside && { do_rotary: 1, rotary_interleaved: 0 }),
      },
    },
  );
  present.forEach((value, i) => {
    value.shape = ['batch', kvHeads, inputs.maxLength, headDim];
    builder.graph.rename(value, `present.${layer}.${i === 0 ? 'key' : 'value'}`);
    builder.graph.addOutput(value);
  });
  if (attended === undefined) throw new TypeError('GroupQueryAttention has three outputs');
  return attended;
}

/** Turns each head by its position, where the attention does not do it: f32 [batch, seq, count·headDim] → the same. */
function rotate(tape: Tape, { positions, cos, sin }: Shared, { x, count }: { x: Value; count: number }): Value {
  if (positions === undefined) return x;
  return tape.op('RotaryEmbedding', [x, positions, cos, sin], {
    domain: 'com.microsoft',
    attributes: { num_heads: count },
  });
}
