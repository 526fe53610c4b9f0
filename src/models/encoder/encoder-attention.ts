import { float, type Tape, type Value } from '../../ir/index.ts';
import { tensorOf } from '../../tensor/index.ts';
import type { RopeConfig } from '../decoder/rope.ts';
import { rotationOf, type Rotation } from '../decoder/rotation.ts';
import { embedding } from '../graph/embedding.ts';
import type { GraphBuilder } from '../graph/graph-builder.ts';
import { linear } from '../graph/linear.ts';
import { lazily, memoized } from '../graph/memoized.ts';
import { moves, type Moves } from '../graph/row-layout.ts';
import { distanceScores, sharedDistances, type SharedDistances } from './disentangled.ts';
import type { DistanceBias, EncoderConfig, EncoderLayer } from './encoder-config.ts';
import type { EncoderInputs } from './encoder-inputs.ts';

/** The value of a masked score: the lowest f32. No real score is large enough to give it a weight in the softmax. */
const lowest = -3.4028234663852886e38;

/** Values that all layers share. */
export interface Shared extends Moves {
  /** i64 [4]: batch, seq, heads, headDim */
  readonly headShape: Value;
  /** i64 [3]: batch, seq, hidden */
  readonly rowShape: Value;
  /**
   * f32 [batch, 1, 1 or seq, seq]: 0 where a token attends to another, the lowest number elsewhere.
   * @param window  the largest distance; undefined: any
   */
  mask(window: number | undefined): Value;
  rotation(rope: RopeConfig): Rotation;
  /** f32 [1, heads, seq, seq]; undefined where the network has none */
  readonly distanceBias: Value | undefined;
  /** undefined where the network has none */
  readonly distances: SharedDistances | undefined;
}

export function sharedValues(builder: GraphBuilder, inputs: EncoderInputs): Shared {
  const { config, network, inputIds, attentionMask } = inputs;
  const tape = builder.tape('encoder');
  const rectangle = tape.op('Shape', [inputIds]);
  const shape = (...rest: number[]): Value =>
    tape.op('Concat', [rectangle, tape.int64s(rest)], { attributes: { axis: 0 } });
  const hidden = tape.op('Equal', [tape.op('Unsqueeze', [attentionMask, tape.int64s([1, 2])]), tape.int64(0)]);
  const ofRows = tape.op('Where', [hidden, tape.scalar(lowest), tape.scalar(0)]);
  const offsets = lazily(() => offsetsOf(tape, inputIds));
  return {
    ...moves(tape, { rectangle, places: placesOf(tape, attentionMask) }),
    headShape: shape(config.heads, config.headDim),
    rowShape: shape(config.hiddenSize),
    mask: memoized((window) => (window === undefined ? ofRows : windowed(tape, { ofRows, offsets, window }))),
    rotation: memoized((rope) => rotationOf(rope, placesOfRotation(tape, config))),
    distanceBias: network.distanceBias && biasOf(builder, network.distanceBias, { offsets, config }),
    distances:
      network.distanceVectors && sharedDistances(builder, network.distanceVectors, { offsets: offsets(), config }),
  };
}

/** Numbers the positions of each row 0, 1, 2, ... in the shape of `like`: i64 [batch, seq]. */
export function countedPositions(tape: Tape, like: Value): Value {
  return tape.op('Expand', [rangeOf(tape, like), tape.op('Shape', [like])]);
}

/** 0, 1, 2, ... over the columns of `like`: i64 [seq] */
function rangeOf(tape: Tape, like: Value): Value {
  const seq = tape.op('Shape', [like], { attributes: { start: 1 } });
  return tape.op('Range', [tape.int64(0), tape.op('Squeeze', [seq]), tape.int64(1)], { shape: ['seq'] });
}

/** The position of each key minus that of each query: i64 [seq, seq]. */
function offsetsOf(tape: Tape, like: Value): Value {
  const range = rangeOf(tape, like);
  return tape.op('Sub', [range, tape.op('Unsqueeze', [range, tape.int64s([1])])]);
}

/** i64 [tokens]: the positions that are computed. These are the positions where the mask is not 0, and the first one of each row. */
function placesOf(tape: Tape, attentionMask: Value): Value {
  const first = tape.op('Equal', [countedPositions(tape, attentionMask), tape.int64(0)]);
  const counts = tape.op('Or', [tape.op('Not', [tape.op('Equal', [attentionMask, tape.int64(0)])]), first]);
  const places = tape.op('NonZero', [tape.op('Reshape', [counts, tape.int64s([-1])])], { shape: [1, 'tokens'] });
  return tape.op('Squeeze', [places, tape.int64s([0])]);
}

interface Windowed {
  /** f32 [batch, 1, 1, seq] */
  readonly ofRows: Value;
  offsets(): Value;
  readonly window: number;
}

/**
 * Hides what is masked or too far away: f32 [batch, 1, seq, seq].
 *
 * WHY the minimum and not the sum: the sum of two lowest numbers is infinite.
 */
function windowed(tape: Tape, { ofRows, offsets, window }: Windowed): Value {
  const far = tape.op('Greater', [tape.op('Abs', [offsets()]), tape.int64(window)]);
  return tape.op('Min', [ofRows, tape.op('Where', [far, tape.scalar(lowest), tape.scalar(0)])]);
}

function placesOfRotation(tape: Tape, { maxPositions }: EncoderConfig): Parameters<typeof rotationOf>[1] {
  const unused = (): never => {
    throw new TypeError('the rotations of an encoder do not depend on the length of the row');
  };
  return { tape, maxLength: maxPositions, positions: tape.int64s([0]), lengths: unused, everyPosition: unused };
}

/**
 * Looks up the bias of each pair of tokens: f32 [1, heads, seq, seq].
 *
 * WHY a table of all distances: the graph then needs no logarithm, whose rounding could choose another bucket.
 */
function biasOf(
  builder: GraphBuilder,
  { path, bucketOf }: DistanceBias,
  { offsets, config }: { offsets(): Value; readonly config: EncoderConfig },
): Value {
  const tape = builder.tape(path);
  const reach = config.maxPositions - 1;
  const buckets = Array.from({ length: 2 * reach + 1 }, (_, i) => bucketOf(i - reach));
  const table = tape.constant(tensorOf('int64', [buckets.length], buckets), 'buckets');
  const square = tape.op('Gather', [table, tape.op('Add', [offsets(), tape.int64(reach)])], { shape: ['seq', 'seq'] });
  const flat = tape.op('Reshape', [square, tape.int64s([-1])], { shape: ['pairs'] });
  const rows = embedding(builder, flat, path);
  const shape = tape.op('Concat', [tape.op('Shape', [square]), tape.int64s([config.heads])], {
    attributes: { axis: 0 },
  });
  const biases = tape.op('Reshape', [rows, shape], { shape: ['seq', 'seq', config.heads] });
  const ofHeads = tape.op('Transpose', [biases], { attributes: { perm: [2, 0, 1] } });
  return tape.op('Unsqueeze', [ofHeads, tape.int64s([0])]);
}

export interface AttentionParts {
  readonly layer: EncoderLayer;
  readonly shared: Shared;
  readonly config: EncoderConfig;
}

/**
 * The attention of a block with its linear layers. Every token attends to the tokens that the mask counts, those within the window where
 * the layer has one. All operators have gradients.
 *
 *   softmax(Q·Kᵀ / sqrt(headDim) + bias + mask)·V
 *
 * Where the network has vectors of distances, `distanceScores` are added, and all products are divided by a larger number.
 *
 * @param x  f32 [tokens, hidden]
 * @returns f32 [tokens, hidden]
 */
export function attention(builder: GraphBuilder, x: Value, { layer, shared, config }: AttentionParts): Value {
  const scale = 1 / Math.sqrt(config.headDim * (layer.scoreParts ?? 1));
  const tape = builder.tape(layer.path);
  const [queries, keys, values] = project(builder, x, layer).map((each, i) => {
    const apart = headsOf(tape, each, { shared, config });
    return i < 2 ? turned(tape, apart, { layer, shared }) : apart;
  });
  if (queries === undefined || keys === undefined || values === undefined) throw new TypeError('three projections');
  let scores = tape.op('FusedMatMul', [queries, keys], {
    domain: 'com.microsoft',
    attributes: { transB: 1, alpha: float(scale) },
  });
  if (shared.distanceBias) scores = tape.op('Add', [scores, shared.distanceBias]);
  if (shared.distances) {
    const options = { queries, keys, shared: shared.distances, config, scale };
    scores = distanceScores(builder, layer, options).reduce((sum, part) => tape.op('Add', [sum, part]), scores);
  }
  const weights = tape.op('Softmax', [tape.op('Add', [scores, shared.mask(layer.window)])], {
    attributes: { axis: -1 },
  });
  const joined = tape.op('Transpose', [tape.op('MatMul', [weights, values])], { attributes: { perm: [0, 2, 1, 3] } });
  return linear(builder, shared.collect(tape, joined, layer.output.in), layer.output);
}

/** Queries, keys and values, each f32 [tokens, heads · headDim]. */
function project(builder: GraphBuilder, x: Value, { path, projections }: EncoderLayer): readonly Value[] {
  const [only, ...others] = projections;
  if (others.length > 0) return projections.map((each) => linear(builder, x, each));
  return builder.tape(path).ops('Split', [linear(builder, x, only)], {
    outputs: 3,
    attributes: { axis: -1, num_outputs: 3 },
  });
}

/** f32 [tokens, heads · headDim] → [batch, heads, seq, headDim] */
function headsOf(tape: Tape, value: Value, { shared, config }: Pick<AttentionParts, 'shared' | 'config'>): Value {
  const shape = ['batch', 'seq', config.heads, config.headDim];
  const apart = tape.op('Reshape', [shared.spread(tape, value), shared.headShape], { shape });
  return tape.op('Transpose', [apart], { attributes: { perm: [0, 2, 1, 3] } });
}

function turned(tape: Tape, heads: Value, { layer, shared }: Pick<AttentionParts, 'layer' | 'shared'>): Value {
  if (layer.rope === undefined) return heads;
  const { cos, sin, positions } = shared.rotation(layer.rope);
  return tape.op('RotaryEmbedding', [heads, positions, cos, sin], { domain: 'com.microsoft' });
}
