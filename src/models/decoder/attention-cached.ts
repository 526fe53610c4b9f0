import { float, type Tape, type Value } from '../../ir/index.ts';
import type { GraphBuilder } from '../graph/graph-builder.ts';
import { norm, type NormLayer } from '../graph/norm.ts';
import type { AttentionLayer, DecoderConfig } from './decoder-config.ts';
import { lazily, memoized } from '../graph/memoized.ts';
import { continuedRows } from '../graph/recurrent/state-rows.ts';
import { cachedHeadDim, narrowed, repeated, widened } from './head-padding.ts';
import { alibiTable, queryFactors } from './position-scaling.ts';
import type { Heads, OwnHeads } from './heads.ts';
import { project, sizedFor, withKeys } from './project.ts';
import type { RopeConfig } from './rope.ts';
import { isStatic, rotationOf, type Places, type Rotation } from './rotation.ts';
import type { Attention } from './stack.ts';

/** The inputs of the decode graph that attention reads. */
export interface CacheInputs {
  readonly config: DecoderConfig;
  /** i64 [batch, seq] */
  readonly inputIds: Value;
  /** i32 [batch]: the length of each row with its new tokens, minus one */
  readonly seqlens: Value;
  /** i32 []: the length of the longest row */
  readonly totalLength: Value;
  readonly maxLength: number;
}

/**
 * Causal attention with keys and values that are kept between runs. Each layer has an input `past_key_values.N.key` and an output
 * `present.N.key`, f32 [batch, kvHeads, maxLength, headDim], and the same for the values. The caller binds both to the same memory.
 * A run then writes the keys of the new tokens after the old ones and copies nothing.
 *
 * @see ONNX Runtime's contrib operator GroupQueryAttention
 */
export function cachedAttention(builder: GraphBuilder, inputs: CacheInputs): Attention {
  const shared = sharedValues(builder, inputs);
  const every = new Map<number, Heads>();
  return {
    states: continuedRows(builder, inputs),
    positions: () => {
      const tape = builder.tape('attention');
      return tape.op('Reshape', [shared.positions(), tape.int64s([-1])]);
    },
    attend(x, layer, index) {
      const config = sizedFor(layer, inputs.config);
      const own = { layer, shared, inputs: { ...inputs, config }, kvHeads: inputs.config.kvHeads };
      const flat = project(builder, x, { layer, config });
      const heads = withKeys(turned(builder, { ...own, heads: flat }), layer, every);
      every.set(index, heads);
      const attended = attend(builder, { ...own, index, heads });
      const tape = builder.tape(layer.path);
      const { heads: count, headDim, valueDim = headDim } = config;
      const narrow = narrowed(tape, attended, { heads: count, headDim: valueDim, cachedDim: shared.cachedDim });
      const result = tape.op('Reshape', [narrow, tape.int64s([-1, layer.output.in])]);
      return flat.gate ? tape.op('Mul', [result, flat.gate]) : result;
    },
  };
}

/**
 * Whether GroupQueryAttention applies the rotary embedding itself. It needs a head size that is a multiple of 16, takes only one
 * table, and cannot normalize after it. Otherwise the graph applies the rotary embedding before the attention, with positions that the caller gives.
 */
function turnsInside(
  rope: RopeConfig,
  { layer, shared, inputs: { maxLength } }: Pick<CachedLayer<OwnHeads>, 'layer' | 'shared' | 'inputs'>,
): boolean {
  if (layer.queryKeyNorm?.turned) return false;
  return shared.cachedDim % 16 === 0 && rope.dims % 16 === 0 && isStatic(rope, maxLength);
}

interface Shared {
  /** i64 [3]: batch, seq, and -1 for the remaining width */
  readonly rowShape: Value;
  /** The size of a head in the cache. */
  readonly cachedDim: number;
  /** Returns i64 [batch, seq]. The first call adds the input to the graph. */
  positions(): Value;
  rotation(rope: RopeConfig): Rotation;
  /** When the attention applies the rotary embedding itself, only the tables. */
  tables(rope: RopeConfig): Pick<Rotation, 'cos' | 'sin'>;
  /** f32 [1, heads, seq, length of the longest row]. Layers with it have no rotary embedding. */
  alibi(scale: number): Value;
  /** f32 [batch, seq, 1] */
  queryFactors(growth: AttentionLayer['queryGrowth']): Value | undefined;
}

function sharedValues(builder: GraphBuilder, inputs: CacheInputs): Shared {
  const { config, inputIds, maxLength } = inputs;
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
    alibi: memoized((scale) => alibiOf(tape, scale, inputs)),
    queryFactors: memoized((growth) => {
      const table = queryFactors(growth, maxLength);
      return table && tape.op('Gather', [tape.constant(table, 'query_factors'), positions()]);
    }),
  };
}

function alibiOf(tape: Tape, scale: number, { config, inputIds, totalLength, maxLength }: CacheInputs): Value {
  const { heads } = config;
  const table = tape.constant(alibiTable(heads, maxLength, scale), 'alibi');
  const total = tape.op('Reshape', [tape.op('Cast', [totalLength], { attributes: { to: 7 } }), tape.int64s([1])]);
  const filled = tape.op('Slice', [table, tape.int64s([0]), total, tape.int64s([1])]);
  const seq = tape.op('Shape', [inputIds], { attributes: { start: 1 } });
  const shape = tape.op('Concat', [tape.int64s([1, heads]), seq, total], { attributes: { axis: 0 } });
  return tape.op('Expand', [tape.op('Unsqueeze', [filled, tape.int64s([0, 2])]), shape]);
}

interface CachedLayer<H extends OwnHeads> {
  readonly layer: AttentionLayer;
  readonly shared: Shared;
  /** The configuration is the one with the sizes of this layer. */
  readonly inputs: CacheInputs;
  /** The number of key heads in the cache. A layer with fewer repeats them. */
  readonly kvHeads: number;
  /** Each f32 [tokens, heads·headDim], and [batch, seq, heads·headDim] after the rotary embedding. */
  readonly heads: H;
}

/** Normalizes single heads, arranges them in rows, and applies the rotary embedding unless the attention does it. */
function turned(builder: GraphBuilder, { layer, shared, inputs, heads, ...cached }: CachedLayer<OwnHeads>): OwnHeads {
  const tape = builder.tape(layer.path);
  const { rope, queryKeyNorm: norms, valueNorm } = layer;
  const { heads: count, kvHeads, headDim, valueDim = headDim } = inputs.config;
  const rotation = rope && !turnsInside(rope, { layer, shared, inputs }) ? shared.rotation(rope) : undefined;
  const widen = (x: Value, num: number, dim = headDim): Value =>
    widened(tape, x, { ...shared, headDim: dim, heads: num });
  const single = norms?.over === 'head' ? norms : undefined;
  const rotate = (rows: Value, num: number): Value => {
    if (rotation === undefined || rope === undefined) return rows;
    return tape.op('RotaryEmbedding', [rows, rotation.positions, rotation.cos, rotation.sin], {
      domain: 'com.microsoft',
      attributes: {
        num_heads: num,
        ...(rope.dims < headDim && { rotary_embedding_dim: rope.dims }),
        ...(rope.interleaved && { interleaved: 1 }),
      },
    });
  };
  const normed = (x: Value, layerOf: NormLayer): Value =>
    norm(builder, tape.op('Reshape', [x, tape.int64s([-1, headDim])]), layerOf);
  const prepared = (flat: Value, headNorm: NormLayer | undefined, num: number): Value => {
    const before = headNorm && !single?.turned ? normed(flat, headNorm) : flat;
    const rows = tape.op('Reshape', [before, shared.rowShape]);
    const rotated = rotate(rows, num);
    const behind =
      headNorm && single?.turned ? tape.op('Reshape', [normed(rotated, headNorm), shared.rowShape]) : rotated;
    return widen(behind, num);
  };
  const factors = shared.queryFactors(layer.queryGrowth);
  const queries = prepared(heads.queries, single?.query, count);
  const grown = factors ? tape.op('Mul', [queries, factors]) : queries;
  if (!('keys' in heads)) return { queries: grown };
  const values = valueNorm ? normed(heads.values, valueNorm) : heads.values;
  const repeat = (x: Value): Value =>
    repeated(tape, x, { heads: kvHeads, times: cached.kvHeads / kvHeads, headDim: shared.cachedDim });
  return {
    queries: grown,
    keys: repeat(prepared(heads.keys, single?.key, kvHeads)),
    values: repeat(widen(tape.op('Reshape', [values, shared.rowShape]), kvHeads, valueDim)),
  };
}

/** @returns f32 [batch, seq, heads·headDim] */
function attend(builder: GraphBuilder, { index, ...cached }: CachedLayer<Heads> & { readonly index: number }): Value {
  const { layer, inputs, heads } = cached;
  const shape = ['batch', cached.kvHeads, inputs.maxLength, cached.shared.cachedDim];
  const past = ['key', 'value'].map((part) =>
    builder.graph.addInput(`past_key_values.${index}.${part}`, 'float32', shape),
  );
  const tape: Tape = builder.tape(layer.path);
  const [attended, ...present] = tape.ops(
    'GroupQueryAttention',
    [
      heads.queries,
      heads.keys,
      heads.values,
      ...past,
      inputs.seqlens,
      inputs.totalLength,
      ...tablesOf(cached),
      ...biasOf(cached),
      ...sinksOf(builder, cached),
    ],
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

function tablesOf(cached: CachedLayer<Heads>): Value[] {
  const { rope } = cached.layer;
  if (rope === undefined || !turnsInside(rope, cached)) return [];
  const { cos, sin } = cached.shared.tables(rope);
  return [cos, sin];
}

/** The bias of the scores is the input after the two tables and the positions. */
function biasOf({ layer, shared }: CachedLayer<Heads>): (Value | undefined)[] {
  return layer.alibi ? [undefined, undefined, undefined, shared.alibi(layer.scale)] : [];
}

/** The sinks are the input after the bias. */
function sinksOf(builder: GraphBuilder, { layer, inputs, ...cached }: CachedLayer<Heads>): (Value | undefined)[] {
  if (layer.sinks === undefined) return [];
  const before = tablesOf({ layer, inputs, ...cached }).length + biasOf({ layer, inputs, ...cached }).length;
  return [...Array.from({ length: 4 - before }, () => undefined), builder.weight(layer.sinks)];
}

type GroupQueryAttributes = Readonly<Record<string, ReturnType<typeof float> | number>>;

function attributesOf(cached: CachedLayer<Heads>): GroupQueryAttributes {
  const { rope, scale, softcap, window } = cached.layer;
  return {
    num_heads: cached.inputs.config.heads,
    kv_num_heads: cached.kvHeads,
    scale: float(scale),
    ...(softcap !== undefined && { softcap: float(softcap) }),
    ...(window !== undefined && { local_window_size: window }),
    ...(rope && turnsInside(rope, cached) && { do_rotary: 1, rotary_interleaved: rope.interleaved ? 1 : 0 }),
  };
}
