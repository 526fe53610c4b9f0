import { float, type Tape, type Value } from '../../ir/index.ts';
import { dataTypeNumber } from '../../tensor/index.ts';
import { embedding } from '../graph/embedding.ts';
import type { GraphBuilder } from '../graph/graph-builder.ts';
import { linear } from '../graph/linear.ts';
import { mlp } from '../graph/mlp.ts';
import { norm } from '../graph/norm.ts';
import { moves, type Moves } from '../graph/row-layout.ts';
import type { EncoderConfig, EncoderLayer, EncoderNetwork } from './encoder-config.ts';

/** The value of a masked score: the lowest f32. No real score is large enough to give it a weight in the softmax. */
const lowest = -3.4028234663852886e38;

/** The parts from which the graph of an encoder is built: its checkpoint and the inputs for its rows. */
export interface EncoderInputs {
  readonly config: EncoderConfig;
  readonly network: EncoderNetwork;
  /** i64 [batch, seq] */
  readonly inputIds: Value;
  /** i64 [batch, seq]: 1 where a token counts, 0 where the row is padded */
  readonly attentionMask: Value;
  /** i64 [batch, seq]; undefined when all tokens have the first type */
  readonly tokenTypeIds: Value | undefined;
}

/**
 * Computes the last hidden states of token ids: f32 [batch, seq, hidden].
 *
 * No token attends to positions where the mask is 0, and the states of these positions are 0. The exception is the first position of
 * each row: its state is always computed, because heads read it whatever the mask is.
 *
 * WHY tokens are picked here: only attention then computes padding, whichever program padded the rows.
 */
export function encoderStack(builder: GraphBuilder, inputs: EncoderInputs): Value {
  const { config, network } = inputs;
  const shared = sharedValues(builder, inputs);
  let hidden = embeddings(builder, inputs, shared);
  for (const layer of network.layers) {
    const attended = attention(builder, hidden, { layer, shared, config });
    const tape = builder.tape(layer.path);
    hidden = norm(builder, tape.op('Add', [attended, hidden]), layer.attentionNorm);
    const transformed = mlp(builder, hidden, layer.mlp);
    hidden = norm(builder, builder.tape(layer.mlp.path).op('Add', [transformed, hidden]), layer.norm);
  }
  const tape = builder.tape('encoder');
  const shape = ['batch', 'seq', config.hiddenSize];
  return tape.op('Reshape', [shared.spread(tape, hidden), shared.rowShape], { shape });
}

/** Adds the embeddings of words, positions and token types and normalizes the sum: f32 [tokens, hidden]. */
function embeddings(
  builder: GraphBuilder,
  { config, network, inputIds, tokenTypeIds }: EncoderInputs,
  { collect }: Moves,
): Value {
  const { path, words, positions, tokenTypes, norm: last, numbering } = network.embeddings;
  const tape = builder.tape(path);
  const flat = (ids: Value): Value => collect(tape, ids);
  const numbers =
    numbering === 'counted' ? countedPositions(tape, inputIds) : positionsFromPadding(tape, inputIds, config);
  let sum = tape.op('Add', [embedding(builder, flat(inputIds), words), embedding(builder, flat(numbers), positions)]);
  if (tokenTypes !== undefined) {
    // One row [1, hidden] is enough when all tokens have the first type.
    const types = tokenTypeIds === undefined ? tape.int64s([0]) : flat(tokenTypeIds);
    sum = tape.op('Add', [sum, embedding(builder, types, tokenTypes)]);
  }
  return norm(builder, sum, last);
}

/** Numbers the positions of each row 0, 1, 2, ... in the shape of `like`: i64 [batch, seq]. */
function countedPositions(tape: Tape, like: Value): Value {
  const seq = tape.op('Shape', [like], { attributes: { start: 1 } });
  const count = tape.op('Squeeze', [seq]);
  const row = tape.op('Range', [tape.int64(0), count, tape.int64(1)]);
  return tape.op('Expand', [row, tape.op('Shape', [like])]);
}

/**
 * Numbers positions as RoBERTa does: padding gets the id of the padding token, and the other tokens count from the next number:
 * i64 [batch, seq].
 *
 * WHY the ids decide and not the mask: the family was trained this way.
 */
function positionsFromPadding(tape: Tape, inputIds: Value, { padTokenId }: EncoderConfig): Value {
  const padding = tape.op('Equal', [inputIds, tape.int64(padTokenId)]);
  const real = tape.op('Cast', [tape.op('Not', [padding])], { attributes: { to: dataTypeNumber('int64') } });
  const counted = tape.op('CumSum', [real, tape.int64(1)]);
  return tape.op('Add', [tape.op('Mul', [counted, real]), tape.int64(padTokenId)]);
}

/** Values that all layers share. */
interface Shared extends Moves {
  /** i64 [4]: batch, seq, heads, headDim */
  readonly headShape: Value;
  /** i64 [3]: batch, seq, hidden */
  readonly rowShape: Value;
  /** f32 [batch, 1, 1, seq]: 0 where a token counts, the lowest number elsewhere */
  readonly mask: Value;
}

function sharedValues(builder: GraphBuilder, { config, inputIds, attentionMask }: EncoderInputs): Shared {
  const tape = builder.tape('encoder');
  const rectangle = tape.op('Shape', [inputIds]);
  const shape = (...rest: number[]): Value =>
    tape.op('Concat', [rectangle, tape.int64s(rest)], { attributes: { axis: 0 } });
  const hidden = tape.op('Equal', [tape.op('Unsqueeze', [attentionMask, tape.int64s([1, 2])]), tape.int64(0)]);
  return {
    ...moves(tape, { rectangle, places: placesOf(tape, attentionMask) }),
    headShape: shape(config.heads, config.headDim),
    rowShape: shape(config.hiddenSize),
    mask: tape.op('Where', [hidden, tape.scalar(lowest), tape.scalar(0)]),
  };
}

/** i64 [tokens]: the positions that are computed. These are the positions where the mask is not 0, and the first one of each row. */
function placesOf(tape: Tape, attentionMask: Value): Value {
  const first = tape.op('Equal', [countedPositions(tape, attentionMask), tape.int64(0)]);
  const counts = tape.op('Or', [tape.op('Not', [tape.op('Equal', [attentionMask, tape.int64(0)])]), first]);
  const places = tape.op('NonZero', [tape.op('Reshape', [counts, tape.int64s([-1])])], { shape: [1, 'tokens'] });
  return tape.op('Squeeze', [places, tape.int64s([0])]);
}

interface AttentionParts {
  readonly layer: EncoderLayer;
  readonly shared: Shared;
  readonly config: EncoderConfig;
}

/**
 * The attention of a block with its four linear layers. Every token attends to all tokens that the mask counts. All operators have
 * gradients.
 *
 *   softmax(Q·Kᵀ / sqrt(headDim) + mask)·V
 *
 * @param x  f32 [tokens, hidden]
 * @returns f32 [tokens, hidden]
 */
function attention(builder: GraphBuilder, x: Value, { layer, shared, config }: AttentionParts): Value {
  const { headDim, hiddenSize } = config;
  const tape = builder.tape(layer.path);
  const heads = (value: Value): Value => {
    const shape = ['batch', 'seq', config.heads, headDim];
    const apart = tape.op('Reshape', [shared.spread(tape, value), shared.headShape], { shape });
    return tape.op('Transpose', [apart], { attributes: { perm: [0, 2, 1, 3] } });
  };
  const [queries, keys, values] = [layer.query, layer.key, layer.value].map((each) => heads(linear(builder, x, each)));
  const products = tape.op('FusedMatMul', [queries, keys], {
    domain: 'com.microsoft',
    attributes: { transB: 1, alpha: float(1 / Math.sqrt(headDim)) },
  });
  const weights = tape.op('Softmax', [tape.op('Add', [products, shared.mask])], { attributes: { axis: -1 } });
  const joined = tape.op('Transpose', [tape.op('MatMul', [weights, values])], { attributes: { perm: [0, 2, 1, 3] } });
  return linear(builder, shared.collect(tape, joined, hiddenSize), layer.output);
}
