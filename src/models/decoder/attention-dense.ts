import { float, type Tape, type Value } from '../../ir/index.ts';
import { tensorOf } from '../../tensor/index.ts';
import type { GraphBuilder } from '../graph/graph-builder.ts';
import { norm, type NormLayer } from '../graph/norm.ts';
import type { AttentionLayer, DecoderConfig, KeySizes } from './decoder-config.ts';
import { lazily, memoized } from '../graph/memoized.ts';
import { wholeRows } from '../graph/recurrent/state-rows.ts';
import { alibiTable, queryFactors } from './position-scaling.ts';
import type { Heads, OwnHeads } from './heads.ts';
import { project, withKeys } from './project.ts';
import type { RopeConfig } from './rope.ts';
import { rotationOf, type Places, type Rotation } from './rotation.ts';
import type { RowLayout } from '../graph/row-layout.ts';
import { softcapped } from './scaling.ts';
import type { Attention } from './stack.ts';

/** The value of a masked score: the lowest f32. No real score is large enough to give it a weight in the softmax. */
const masked = -3.4028234663852886e38;

export interface DenseInputs {
  readonly config: DecoderConfig;
  readonly rows: RowLayout;
  /** The largest seq that the graph supports. */
  readonly maxLength: number;
}

/**
 * Causal attention over whole rows. All operators have gradients. Rows are padded on the right, so the causal mask is enough: no token
 * attends to padding.
 *
 *   softmax(softcap(scale·Q·Kᵀ) + mask)·V
 *
 * WHY the query heads are folded: query heads that share a key head become rows of one product. Keys and values are then never
 * repeated in memory.
 */
export function denseAttention(builder: GraphBuilder, inputs: DenseInputs): Attention {
  const { rows } = inputs;
  const ofSizes = memoized((sizes: KeySizes | undefined) => {
    const config = { ...inputs.config, ...sizes };
    return { config, shared: sharedValues(builder, { ...inputs, config }) };
  });
  const every = new Map<number, Heads>();
  return {
    positions: () => rows.positions(),
    states: wholeRows(builder, rows),
    attend(x, layer, index) {
      const tape = builder.tape(layer.path);
      const { config, shared } = ofSizes(layer.sizes);
      const flat = project(builder, x, { layer, config });
      const apart = split(tape, flat, { config, rows, shared });
      const heads = withKeys(turned(builder, tape, { layer, shared, heads: apart }), layer, every);
      every.set(index, heads);
      const attended = rows.collect(tape, attend(builder, tape, { config, layer, shared, heads }), layer.output.in);
      return flat.gate ? tape.op('Mul', [attended, flat.gate]) : attended;
    },
  };
}

/** Values that all layers share: shapes for Reshape (0 keeps a dimension, -1 is the rest), masks and rotary tables. */
interface Shared {
  /** i64 [4]: batch, seq, heads, headDim */
  readonly queryShape: Value;
  /** i64 [4]: batch, seq, kvHeads, headDim */
  readonly keyShape: Value;
  /** i64 [4]: batch, seq, kvHeads, valueDim */
  readonly valueShape: Value;
  /** i64 [4]: batch, heads, seq, seq */
  readonly scoreShape: Value;
  /** i64 [4]: batch, kvHeads, heads / kvHeads · seq, seq */
  readonly foldedScoreShape: Value;
  /** f32 [seq, seq]: 0 where a token attends to another, the lowest number elsewhere */
  mask(window: number | undefined): Value;
  /** f32 [heads, 1, seq] */
  alibi(scale: number): Value;
  /** f32 [seq, 1] from a table f32 [positions, 1] */
  queryFactors(growth: AttentionLayer['queryGrowth']): Value | undefined;
  rotation(rope: RopeConfig): Rotation;
}

function sharedValues(builder: GraphBuilder, { config, rows, maxLength }: DenseInputs): Shared {
  const { heads, kvHeads, headDim, valueDim = headDim } = config;
  const { rectangle, seq } = rows;
  const tape = builder.tape('attention');
  const shape = (...parts: (Value | number[])[]): Value =>
    tape.op(
      'Concat',
      parts.map((part) => (Array.isArray(part) ? tape.int64s(part) : part)),
      { attributes: { axis: 0 } },
    );
  const range = lazily(() =>
    tape.op('Range', [tape.int64(0), tape.op('Squeeze', [seq]), tape.int64(1)], { shape: ['seq'] }),
  );
  const upTo = (table: Value, axis: number): Value =>
    tape.op('Slice', [table, tape.int64s([0]), seq, tape.int64s([axis])], {
      shape: (table.shape ?? []).map((dim, i) => (i === axis ? 'seq' : dim)),
    });
  const places: Places = {
    tape,
    maxLength,
    positions: tape.int64s([0]),
    lengths: () => tape.op('Reshape', [seq, tape.int64s([1, 1])]),
    everyPosition: () => tape.op('Unsqueeze', [range(), tape.int64s([0])]),
  };
  const keyShape = shape(rectangle, [kvHeads, headDim]);
  return {
    queryShape: shape(rectangle, [heads, headDim]),
    keyShape,
    valueShape: valueDim === headDim ? keyShape : shape(rectangle, [kvHeads, valueDim]),
    scoreShape: shape([0, heads, -1], seq),
    foldedScoreShape: shape([0, kvHeads, -1], seq),
    mask: memoized((window) => maskOf(tape, shape(seq, seq), window)),
    alibi: memoized((scale) => {
      const table = tape.constant(alibiTable(heads, maxLength, scale), 'alibi');
      return tape.op('Unsqueeze', [upTo(table, 1), tape.int64s([1])], { shape: [heads, 1, 'seq'] });
    }),
    queryFactors: memoized((growth) => {
      const table = queryFactors(growth, maxLength);
      return table && upTo(tape.constant(table, 'query_factors'), 0);
    }),
    rotation: memoized((rope) => rotationOf(rope, places)),
  };
}

/** @param square  i64 [2]: seq, seq */
function maskOf(tape: Tape, square: Value, window: number | undefined): Value {
  const attributes = { value: tensorOf('float32', [1], [masked]) };
  const lowest = tape.op('ConstantOfShape', [square], { attributes, shape: ['seq', 'seq'] });
  const later = tape.op('Trilu', [lowest, tape.int64(1)], { attributes: { upper: 1 } });
  if (window === undefined) return later;
  return tape.op('Add', [later, tape.op('Trilu', [lowest, tape.int64(-window)], { attributes: { upper: 0 } })]);
}

/** Splits queries, keys and values into heads: f32 [tokens, heads·headDim] → [batch, heads, seq, headDim], values with valueDim. */
function split(
  tape: Tape,
  flat: OwnHeads,
  { config, rows, shared }: Pick<DenseInputs, 'config' | 'rows'> & { readonly shared: Shared },
): OwnHeads {
  const { queryShape, keyShape, valueShape } = shared;
  const { headDim, valueDim = headDim } = config;
  const heads = (x: Value, shape: Value, count: number, dim = headDim): Value => {
    const dims = ['batch', 'seq', count, dim];
    const apart = tape.op('Reshape', [rows.spread(tape, x), shape], { shape: dims });
    return tape.op('Transpose', [apart], { attributes: { perm: [0, 2, 1, 3] } });
  };
  const queries = heads(flat.queries, queryShape, config.heads);
  if (!('keys' in flat)) return { queries };
  return {
    queries,
    keys: heads(flat.keys, keyShape, config.kvHeads),
    values: heads(flat.values, valueShape, config.kvHeads, valueDim),
  };
}

interface Turning<H extends OwnHeads> {
  readonly layer: AttentionLayer;
  readonly shared: Shared;
  /** Each f32 [batch, heads, seq, headDim]. */
  readonly heads: H;
}

/** Normalizes single heads and applies the rotary embedding. */
function turned(builder: GraphBuilder, tape: Tape, { layer, shared, heads }: Turning<OwnHeads>): OwnHeads {
  const { queryKeyNorm: norms, rope, valueNorm } = layer;
  const single = norms?.over === 'head' ? norms : undefined;
  const rotate = (x: Value): Value => {
    if (rope === undefined) return x;
    const { cos, sin, positions } = shared.rotation(rope);
    return tape.op('RotaryEmbedding', [x, positions, cos, sin], {
      domain: 'com.microsoft',
      attributes: rotaryAttributes(x, rope),
    });
  };
  const prepared = (x: Value, headNorm: NormLayer | undefined): Value => {
    if (headNorm === undefined) return rotate(x);
    return single?.turned ? norm(builder, rotate(x), headNorm) : rotate(norm(builder, x, headNorm));
  };
  const queries = prepared(heads.queries, single?.query);
  const factors = shared.queryFactors(layer.queryGrowth);
  const grown = factors ? tape.op('Mul', [queries, factors]) : queries;
  if (!('keys' in heads)) return { queries: grown };
  return {
    queries: grown,
    keys: prepared(heads.keys, single?.key),
    values: valueNorm ? norm(builder, heads.values, valueNorm) : heads.values,
  };
}

/** When only a part of each head is rotated, the operator needs the size of this part and the number of heads. */
function rotaryAttributes({ shape }: Value, { dims, interleaved }: RopeConfig): Record<string, number> {
  const [, heads, , headDim] = shape ?? [];
  return {
    ...(dims !== headDim && typeof heads === 'number' && { rotary_embedding_dim: dims, num_heads: heads }),
    ...(interleaved && { interleaved: 1 }),
  };
}

/** @returns f32 [batch, seq, heads, valueDim] */
function attend(
  builder: GraphBuilder,
  tape: Tape,
  { config, layer, shared, heads }: Turning<Heads> & { readonly config: DecoderConfig },
): Value {
  const { heads: count, kvHeads, headDim, valueDim = headDim } = config;
  const { scale, softcap, window } = layer;
  const folded = tape.op('Reshape', [heads.queries, tape.int64s([0, kvHeads, -1, headDim])]);
  const products = tape.op('FusedMatMul', [folded, heads.keys], {
    domain: 'com.microsoft',
    attributes: { transB: 1, alpha: float(scale / (softcap ?? 1)) },
  });
  const capped = softcap === undefined ? products : softcapped(tape, products, softcap);
  const apart = tape.op('Reshape', [capped, shared.scoreShape], { shape: ['batch', count, 'seq', 'seq'] });
  const biased = layer.alibi ? tape.op('Add', [apart, shared.alibi(scale)]) : apart;
  const scores = tape.op('Add', [biased, shared.mask(window)]);
  const weights = weightsOf(tape, scores, layer.sinks === undefined ? undefined : builder.weight(layer.sinks));
  const together = tape.op('Reshape', [weights, shared.foldedScoreShape], {
    shape: ['batch', kvHeads, folded.shape?.[2], 'seq'],
  });
  const mixed = tape.op('MatMul', [together, heads.values]);
  const unfolded = tape.op('Reshape', [mixed, tape.int64s([0, count, -1, valueDim])], {
    shape: ['batch', count, 'seq', valueDim],
  });
  return tape.op('Transpose', [unfolded], { attributes: { perm: [0, 2, 1, 3] } });
}

/**
 * The weights of the keys. A sink s takes part in the softmax of its head, and its weight is dropped:
 *
 *   wᵢ = exp(xᵢ) / (exp(s) + Σⱼ exp(xⱼ))
 *
 * @param scores  f32 [batch, heads, seq, seq]
 * @param sinks  f32 [heads]
 * @see Xiao et al. 2023, "Efficient Streaming Language Models with Attention Sinks"; the model card of gpt-oss
 */
function weightsOf(tape: Tape, scores: Value, sinks: Value | undefined): Value {
  const softmax = (x: Value): Value => tape.op('Softmax', [x], { attributes: { axis: -1 } });
  if (sinks === undefined) return softmax(scores);
  const [batch, heads, seq] = scores.shape ?? [];
  const queries = tape.op('Shape', [scores], { attributes: { start: 0, end: 3 } });
  const shape = tape.op('Concat', [queries, tape.int64s([1])], { attributes: { axis: 0 } });
  const column = tape.op('Expand', [tape.op('Unsqueeze', [sinks, tape.int64s([0, 2, 3])]), shape], {
    shape: [batch, heads, seq, 1],
  });
  const joined = tape.op('Concat', [column, scores], { attributes: { axis: -1 } });
  const rest = [tape.int64s([1]), tape.int64s([Number.MAX_SAFE_INTEGER]), tape.int64s([3])];
  return tape.op('Slice', [softmax(joined), ...rest], { shape: scores.shape ?? [] });
}
