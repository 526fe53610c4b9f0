import { float, type Tape, type Value } from '../../ir/index.ts';
import { tensorOf } from '../../tensor/index.ts';
import type { GraphBuilder } from '../graph/graph-builder.ts';
import { linear } from '../graph/linear.ts';
import { norm } from '../graph/norm.ts';
import type { AttentionLayer, DecoderConfig } from './decoder-config.ts';
import { lazily, memoized } from './memoized.ts';
import { project, type Heads } from './project.ts';
import type { RopeConfig } from './rope.ts';
import { rotationOf, type Places, type Rotation } from './rotation.ts';
import { softcapped } from './scaling.ts';
import type { Attention } from './stack.ts';

/** What a masked score is set to: the lowest f32, which no real score can lift above the softmax's underflow. */
const masked = -3.4028234663852886e38;

export interface DenseInputs {
  readonly config: DecoderConfig;
  /** i64 [batch, seq] */
  readonly inputIds: Value;
  /** The longest seq that the graph can be given. */
  readonly maxLength: number;
}

/**
 * Causal attention over whole rows, in operators that have gradients. Rows are padded on the right, so that a causal mask is all
 * that is needed: no real token sees padding.
 *
 *   softmax(softcap(scale·Q·Kᵀ) + mask)·V
 *
 * WHY the query heads are folded: the query heads that share a key head become rows of one product, so that keys and values are
 * never repeated in memory.
 */
export function denseAttention(builder: GraphBuilder, inputs: DenseInputs): Attention {
  const { config } = inputs;
  const shared = sharedValues(builder, inputs);
  return {
    positions: shared.flatPositions,
    attend(x, layer) {
      const tape = builder.tape(layer.path);
      const flat = project(builder, x, { layer, config });
      const heads = turned(builder, tape, { layer, shared, heads: split(tape, flat, shared) });
      return linear(builder, attend(tape, { config, layer, shared, heads }), layer.output);
    },
  };
}

/** What all layers use: shapes for Reshape (0 keeps a dimension, -1 is what is left), masks and rotary tables. */
interface Shared {
  /** i64 [4]: batch, seq, heads, headDim */
  readonly queryShape: Value;
  /** i64 [4]: batch, seq, kvHeads, headDim */
  readonly keyShape: Value;
  /** i64 [4]: batch, heads, seq, seq */
  readonly scoreShape: Value;
  /** i64 [4]: batch, kvHeads, heads / kvHeads · seq, seq */
  readonly foldedScoreShape: Value;
  /** f32 [seq, seq]: 0 where a token sees another, the lowest number elsewhere */
  mask(window: number | undefined): Value;
  rotation(rope: RopeConfig): Rotation;
  /** i64 [batch·seq] */
  flatPositions(): Value;
}

function sharedValues(builder: GraphBuilder, { config, inputIds, maxLength }: DenseInputs): Shared {
  const { heads, kvHeads, headDim } = config;
  const tape = builder.tape('attention');
  const rows = tape.op('Shape', [inputIds]);
  const seq = tape.op('Shape', [inputIds], { attributes: { start: 1 } });
  const shape = (...parts: (Value | number[])[]): Value =>
    tape.op(
      'Concat',
      parts.map((part) => (Array.isArray(part) ? tape.int64s(part) : part)),
      { attributes: { axis: 0 } },
    );
  const range = lazily(() =>
    tape.op('Range', [tape.int64(0), tape.op('Squeeze', [seq]), tape.int64(1)], { shape: ['seq'] }),
  );
  const places: Places = {
    tape,
    maxLength,
    positions: tape.int64s([0]),
    lengths: () => tape.op('Reshape', [seq, tape.int64s([1, 1])]),
    everyPosition: () => tape.op('Unsqueeze', [range(), tape.int64s([0])]),
  };
  return {
    queryShape: shape(rows, [heads, headDim]),
    keyShape: shape(rows, [kvHeads, headDim]),
    scoreShape: shape([0, heads, -1], seq),
    foldedScoreShape: shape([0, kvHeads, -1], seq),
    mask: memoized((window) => maskOf(tape, shape(seq, seq), window)),
    rotation: memoized((rope) => rotationOf(rope, places)),
    flatPositions: lazily(() => {
      const every = tape.op('Expand', [range(), rows], { shape: inputIds.shape ?? [] });
      return tape.op('Reshape', [every, tape.int64s([-1])]);
    }),
  };
}

/** @param square  i64 [2]: seq, seq */
function maskOf(tape: Tape, square: Value, window: number | undefined): Value {
  const lowest = tape.op('ConstantOfShape', [square], { attributes: { value: tensorOf('float32', [1], [masked]) } });
  const later = tape.op('Trilu', [lowest, tape.int64(1)], { attributes: { upper: 1 } });
  if (window === undefined) return later;
  return tape.op('Add', [later, tape.op('Trilu', [lowest, tape.int64(-window)], { attributes: { upper: 0 } })]);
}

/** f32 [tokens, heads·headDim] → [batch, heads, seq, headDim], of queries, keys and values. */
function split(tape: Tape, { queries, keys, values }: Heads, { queryShape, keyShape }: Shared): Heads {
  const heads = (x: Value, shape: Value): Value =>
    tape.op('Transpose', [tape.op('Reshape', [x, shape])], { attributes: { perm: [0, 2, 1, 3] } });
  return { queries: heads(queries, queryShape), keys: heads(keys, keyShape), values: heads(values, keyShape) };
}

interface Turning {
  readonly layer: AttentionLayer;
  readonly shared: Shared;
  /** Each f32 [batch, heads, seq, headDim]. */
  readonly heads: Heads;
}

/** Norms of single heads, and the rotation. */
function turned(builder: GraphBuilder, tape: Tape, { layer, shared, heads }: Turning): Heads {
  const { queryKeyNorm: norms, rope } = layer;
  const normed = norms?.over === 'head';
  const queries = normed ? norm(builder, heads.queries, norms.query) : heads.queries;
  const keys = normed ? norm(builder, heads.keys, norms.key) : heads.keys;
  if (rope === undefined) return { ...heads, queries, keys };
  const { cos, sin, positions } = shared.rotation(rope);
  const rotate = (x: Value): Value =>
    tape.op('RotaryEmbedding', [x, positions, cos, sin], {
      domain: 'com.microsoft',
      attributes: rotaryAttributes(x, rope),
    });
  return { ...heads, queries: rotate(queries), keys: rotate(keys) };
}

/** Where only a part of each head turns, the operator wants to know how large a part, and how many heads there are. */
function rotaryAttributes({ shape }: Value, { dims }: RopeConfig): Record<string, number> {
  const [, heads, , headDim] = shape ?? [];
  return dims === headDim || typeof heads !== 'number' ? {} : { rotary_embedding_dim: dims, num_heads: heads };
}

/** @returns f32 [tokens, heads·headDim] */
function attend(tape: Tape, { config, layer, shared, heads }: Turning & { readonly config: DecoderConfig }): Value {
  const { heads: count, kvHeads, headDim } = config;
  const { scale, softcap, window } = layer;
  const folded = tape.op('Reshape', [heads.queries, tape.int64s([0, kvHeads, -1, headDim])]);
  const products = tape.op('FusedMatMul', [folded, heads.keys], {
    domain: 'com.microsoft',
    attributes: { transB: 1, alpha: float(scale / (softcap ?? 1)) },
  });
  const capped = softcap === undefined ? products : softcapped(tape, products, softcap);
  const scores = tape.op('Add', [tape.op('Reshape', [capped, shared.scoreShape]), shared.mask(window)]);
  const weights = tape.op('Softmax', [scores], { attributes: { axis: -1 } });
  const mixed = tape.op('MatMul', [tape.op('Reshape', [weights, shared.foldedScoreShape]), heads.values]);
  const unfolded = tape.op('Reshape', [mixed, tape.int64s([0, count, -1, headDim])]);
  const joined = tape.op('Transpose', [unfolded], { attributes: { perm: [0, 2, 1, 3] } });
  return tape.op('Reshape', [joined, tape.int64s([-1, count * headDim])]);
}
