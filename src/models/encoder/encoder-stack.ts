import type { Tape, Value } from '../../ir/index.ts';
import { dataTypeNumber } from '../../tensor/index.ts';
import { embedding } from '../graph/embedding.ts';
import type { GraphBuilder } from '../graph/graph-builder.ts';
import { linear } from '../graph/linear.ts';
import { mlp } from '../graph/mlp.ts';
import { norm, type NormLayer } from '../graph/norm.ts';
import type { Moves } from '../graph/row-layout.ts';
import { attention, countedPositions, sharedValues, type AttentionParts } from './encoder-attention.ts';
import type { Convolution, EncoderConfig } from './encoder-config.ts';
import { activateHead } from './activate-head.ts';
import type { EncoderInputs } from './encoder-inputs.ts';

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
  const embedded = embeddings(builder, inputs, shared);
  let hidden = embedded;
  for (const [index, layer] of network.layers.entries()) {
    hidden = block(builder, hidden, { layer, shared, config });
    if (index === 0 && network.convolution) {
      hidden = convolved(builder, network.convolution, { embedded, hidden, shared, inputs });
    }
  }
  if (network.finalNorm) hidden = norm(builder, hidden, network.finalNorm);
  const tape = builder.tape('encoder');
  const shape = ['batch', 'seq', config.hiddenSize];
  return tape.op('Reshape', [shared.spread(tape, hidden), shared.rowShape], { shape });
}

/** @param hidden  f32 [tokens, hidden] */
function block(builder: GraphBuilder, hidden: Value, parts: AttentionParts): Value {
  const { layer } = parts;
  const { attentionNorm: first, norm: second } = layer;
  const isBefore = layer.norms === 'before';
  const normed = (x: Value, at: NormLayer | undefined, here: boolean): Value =>
    at !== undefined && here ? norm(builder, x, at) : x;
  const attended = attention(builder, normed(hidden, first, isBefore), parts);
  const sum = normed(builder.tape(layer.path).op('Add', [attended, hidden]), first, !isBefore);
  const transformed = mlp(builder, normed(sum, second, isBefore), layer.mlp);
  return normed(builder.tape(layer.mlp.path).op('Add', [transformed, sum]), second, !isBefore);
}

/**
 * Adds the embeddings of words, positions and token types, normalizes the sum, and projects it to the width of the blocks: f32 [tokens,
 * hidden].
 */
function embeddings(
  builder: GraphBuilder,
  { config, network, inputIds, tokenTypeIds }: EncoderInputs,
  { collect }: Moves,
): Value {
  const { path, words, positions, tokenTypes, norm: last, numbering, projection, projected } = network.embeddings;
  const tape = builder.tape(path);
  const flat = (ids: Value): Value => collect(tape, ids);
  let sum = embedding(builder, flat(inputIds), words);
  if (positions !== undefined) {
    const numbers =
      numbering === 'counted' ? countedPositions(tape, inputIds) : positionsFromPadding(tape, inputIds, config);
    sum = tape.op('Add', [sum, embedding(builder, flat(numbers), positions)]);
  }
  if (tokenTypes !== undefined) {
    // One row [1, hidden] is enough when all tokens have the first type.
    const types = tokenTypeIds === undefined ? tape.int64s([0]) : flat(tokenTypeIds);
    sum = tape.op('Add', [sum, embedding(builder, types, tokenTypes)]);
  }
  if (projection && projected === 'before-norm') return norm(builder, linear(builder, sum, projection), last);
  const normed = norm(builder, sum, last);
  return projection ? linear(builder, normed, projection) : normed;
}

interface Convolved {
  /** f32 [tokens, hidden] */
  readonly embedded: Value;
  /** f32 [tokens, hidden] */
  readonly hidden: Value;
  readonly shared: AttentionParts['shared'];
  readonly inputs: EncoderInputs;
}

/** Adds a convolution of the embeddings, which sees zeros where the mask is 0: f32 [tokens, hidden]. */
function convolved(
  builder: GraphBuilder,
  { path, kernel, groups, activation, norm: last }: Convolution,
  { embedded, hidden, shared, inputs }: Convolved,
): Value {
  const { config, attentionMask } = inputs;
  const tape = builder.tape(path);
  const shape = ['batch', 'seq', config.hiddenSize];
  const rows = tape.op('Reshape', [shared.spread(tape, embedded), shared.rowShape], { shape });
  // The first position of a row is computed whether the mask counts it or not.
  const counts = tape.op('Cast', [tape.op('Unsqueeze', [attentionMask, tape.int64s([2])])], {
    attributes: { to: dataTypeNumber('float32') },
  });
  const turn = (x: Value): Value => tape.op('Transpose', [x], { attributes: { perm: [0, 2, 1] } });
  const weights = [builder.weight(`${path}.weight`), builder.weight(`${path}.bias`)];
  const side = (kernel - 1) / 2;
  const conv = tape.op('Conv', [turn(tape.op('Mul', [rows, counts])), ...weights], {
    attributes: { kernel_shape: [kernel], pads: [side, side], group: groups },
    shape: ['batch', config.hiddenSize, 'seq'],
  });
  const tokens = shared.collect(tape, turn(conv), config.hiddenSize);
  return norm(builder, tape.op('Add', [hidden, activateHead(tape, tokens, activation)]), last);
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
