import { float, type Tape, type Value } from '../../ir/index.ts';
import type { GraphBuilder } from '../graph/graph-builder.ts';
import { norm, type NormLayer } from '../graph/norm.ts';
import type { AttentionLayer, DecoderConfig } from './decoder-config.ts';
import { lazily, memoized } from '../graph/memoized.ts';
import { cachedHeadDim, narrowed, widened } from './head-padding.ts';
import { project, type Heads } from './project.ts';
import type { RopeConfig } from './rope.ts';
import { isStatic, rotationOf, type Places, type Rotation } from './rotation.ts';
import type { Attention } from './stack.ts';

/** The inputs of the decode graph that attention reads. */
export interface CacheInputs {
  readonly config: DecoderConfig;
  /** i64 [batch, seq] */
  readonly inputIds: Value;
  /** i32 [batch]: each row's length, the new tokens included, less one */
  readonly seqlens: Value;
  /** i32 []: the longest row's length */
  readonly totalLength: Value;
  readonly maxLength: number;
}

/**
 * Causal attention on keys and values that are kept between runs. Each layer has an input `past_key_values.N.key` and an output
 * `present.N.key`, f32 [batch, kvHeads, maxLength, headDim], and the same of the values. The caller binds both to the same memory:
 * then a run writes the new tokens' keys behind the old ones, and copies nothing.
 *
 * @see ONNX Runtime's contrib operator GroupQueryAttention
 */
export function cachedAttention(builder: GraphBuilder, inputs: CacheInputs): Attention {
  const shared = sharedValues(builder, inputs);
  return {
    positions: () => {
      const tape = builder.tape('attention');
      return tape.op('Reshape', [shared.positions(), tape.int64s([-1])]);
    },
    attend(x, layer, index) {
      const flat = project(builder, x, { layer, config: inputs.config });
      const heads = turned(builder, { layer, shared, inputs, heads: flat });
      const attended = attend(builder, { layer, index, shared, inputs, heads });
      const tape = builder.tape(layer.path);
      const narrow = narrowed(tape, attended, { ...inputs.config, cachedDim: shared.cachedDim });
      return tape.op('Reshape', [narrow, tape.int64s([-1, layer.output.in])]);
    },
  };
}

/**
 * Whether GroupQueryAttention turns the heads itself. It refuses to turn what is no multiple of 16, and knows one table only; then
 * the graph turns heads before, by positions that the caller gives.
 */
function turnsInside(rope: RopeConfig, { config, maxLength }: CacheInputs): boolean {
  return config.headDim % 16 === 0 && rope.dims % 16 === 0 && isStatic(rope, maxLength);
}

interface Shared {
  /** i64 [3]: batch, seq, and what is left */
  readonly rowShape: Value;
  /** The size that heads have in the cache. */
  readonly cachedDim: number;
  /** i64 [batch, seq]; the graph has this input where it is asked for */
  positions(): Value;
  rotation(rope: RopeConfig): Rotation;
  /** Only the tables, where the attention turns the heads itself. */
  tables(rope: RopeConfig): Pick<Rotation, 'cos' | 'sin'>;
}

function sharedValues(builder: GraphBuilder, { config, inputIds, maxLength }: CacheInputs): Shared {
  const tape = builder.tape('attention');
  const positions = lazily(() => builder.graph.addInput('position_ids', 'int64', ['batch', 'seq']));
  const lengths = lazily(() =>
    tape.op('Unsqueeze', [builder.graph.addInput('rotary_lengths', 'int64', ['batch']), tape.int64s([1])]),
  );
  const places = (given: Value): Places => ({ tape, maxLength, positions: given, lengths, everyPosition: positions });
  return {
    cachedDim: cachedHeadDim(config),
    rowShape: tape.op('Concat', [tape.op('Shape', [inputIds]), tape.int64s([-1])], { attributes: { axis: 0 } }),
    positions,
    rotation: memoized((rope) => rotationOf(rope, places(positions()))),
    tables: memoized((rope) => rotationOf(rope, places(tape.int64s([0])))),
  };
}

interface CachedLayer {
  readonly layer: AttentionLayer;
  readonly shared: Shared;
  readonly inputs: CacheInputs;
  /** Each f32 [tokens, heads·headDim], and [batch, seq, heads·headDim] once they are turned. */
  readonly heads: Heads;
}

/** Norms of single heads, rows, and the rotation where the attention does not do it. */
function turned(builder: GraphBuilder, { layer, shared, inputs, heads }: CachedLayer): Heads {
  const tape = builder.tape(layer.path);
  const { rope, queryKeyNorm: norms } = layer;
  const { heads: count, kvHeads, headDim } = inputs.config;
  const rotation = rope && !turnsInside(rope, inputs) ? shared.rotation(rope) : undefined;
  const widen = (x: Value, num: number): Value => widened(tape, x, { ...shared, headDim, heads: num });
  const prepared = (flat: Value, headNorm: NormLayer | undefined, num: number): Value => {
    const normed = headNorm ? norm(builder, tape.op('Reshape', [flat, tape.int64s([-1, headDim])]), headNorm) : flat;
    const rows = tape.op('Reshape', [normed, shared.rowShape]);
    if (rotation === undefined || rope === undefined) return widen(rows, num);
    const rotated = tape.op('RotaryEmbedding', [rows, rotation.positions, rotation.cos, rotation.sin], {
      domain: 'com.microsoft',
      attributes: { num_heads: num, ...(rope.dims < headDim && { rotary_embedding_dim: rope.dims }) },
    });
    return widen(rotated, num);
  };
  const single = norms?.over === 'head' ? norms : undefined;
  return {
    queries: prepared(heads.queries, single?.query, count),
    keys: prepared(heads.keys, single?.key, kvHeads),
    values: widen(tape.op('Reshape', [heads.values, shared.rowShape]), kvHeads),
  };
}

/** @returns f32 [batch, seq, heads·headDim] */
function attend(builder: GraphBuilder, { index, ...cached }: CachedLayer & { readonly index: number }): Value {
  const { layer, inputs, heads } = cached;
  const shape = ['batch', inputs.config.kvHeads, inputs.maxLength, cached.shared.cachedDim];
  const past = ['key', 'value'].map((part) =>
    builder.graph.addInput(`past_key_values.${index}.${part}`, 'float32', shape),
  );
  const tape: Tape = builder.tape(layer.path);
  const [attended, ...present] = tape.ops(
    'GroupQueryAttention',
    [heads.queries, heads.keys, heads.values, ...past, inputs.seqlens, inputs.totalLength, ...tablesOf(cached)],
    { domain: 'com.microsoft', outputs: 3, attributes: attributesOf(cached) },
  );
  present.forEach((value, i) => {
    value.shape = shape;
    builder.graph.rename(value, `present.${index}.${i === 0 ? 'key' : 'value'}`);
    builder.graph.addOutput(value);
  });
  if (attended === undefined) throw new TypeError('GroupQueryAttention has three outputs');
  return attended;
}

function tablesOf({ layer: { rope }, shared, inputs }: CachedLayer): Value[] {
  if (rope === undefined || !turnsInside(rope, inputs)) return [];
  const { cos, sin } = shared.tables(rope);
  return [cos, sin];
}

type GroupQueryAttributes = Readonly<Record<string, ReturnType<typeof float> | number>>;

function attributesOf({ layer, inputs }: CachedLayer): GroupQueryAttributes {
  const { rope, scale, softcap, window } = layer;
  return {
    num_heads: inputs.config.heads,
    kv_num_heads: inputs.config.kvHeads,
    scale: float(scale),
    ...(softcap !== undefined && { softcap: float(softcap) }),
    ...(window !== undefined && { local_window_size: window }),
    ...(rope && turnsInside(rope, inputs) && { do_rotary: 1, rotary_interleaved: 0 }),
  };
}
