/**
 * Scaled dot-product attention in operators that have gradient rules. What the fused operators have in common; it knows nothing of
 * their inputs and attributes.
 */
import type { Dim, Tape, Value } from '../../ir/index.ts';
import { add, batchedProduct, scale, unary } from '../emit.ts';
import { dimValue } from './dimensions.ts';

export interface Attention {
  /** [batch, heads, tokens, headDim] */
  readonly query: Value;
  /** [batch, kvHeads, keys, headDim], each key-value head serving heads / kvHeads query heads in a row */
  readonly key: Value;
  /** [batch, kvHeads, keys, valueDim] */
  readonly value: Value;
  readonly heads: number;
  readonly kvHeads: number;
  /** By which the products are multiplied. */
  readonly scale: number;
  /** Scores become softcap · tanh(score / softcap); 0 for none. */
  readonly softcap?: number;
  /** Added to the scores, each broadcast to [batch, heads, tokens, keys]: masks and biases. */
  readonly biases?: readonly Value[];
  /** [heads]: one more score for each head, whose probability goes nowhere (an attention sink). */
  readonly sink?: Value | undefined;
}

/**
 *   softmax(softcap(scale · Q · Kᵀ) + biases) · V
 *
 * @returns [batch, heads, tokens, valueDim]
 */
export function attend(tape: Tape, attention: Attention): Value {
  const { query, key, value, heads, kvHeads, biases = [], softcap = 0 } = attention;
  const groups = heads / kvHeads;
  // WHY one matrix of all query heads of a group: keys and values are not repeated, and their gradients need no sum over a group.
  const grouped = groups === 1 ? query : headsTo(tape, query, kvHeads);
  const products = batchedProduct(tape, grouped, key, { transB: true, alpha: attention.scale });
  const capped = softcap === 0 ? products : softCapped(tape, products, softcap);
  const scores = groups === 1 ? capped : asScores(tape, capped, attention);
  const biased = biases.reduce((sum, bias) => add(tape, sum, bias), scores);
  const weights = attention.sink ? softmaxWithSink(tape, biased, attention.sink, heads) : softmax(tape, biased);
  if (groups === 1) return tape.op('MatMul', [weights, value]);
  const groupedWeights = tape.op('Reshape', [weights, keysTarget(tape, key, kvHeads)], {
    shape: grouped.shape ? [...grouped.shape.slice(0, -1), key.shape?.[2]] : [undefined, kvHeads, undefined, undefined],
  });
  return headsTo(tape, tape.op('MatMul', [groupedWeights, value]), heads);
}

/** [batch, heads, tokens, width] with the heads folded into, or taken out of, the tokens. */
function headsTo(tape: Tape, x: Value, heads: number): Value {
  const width = x.shape?.[3];
  const [batch, from, tokens] = x.shape ?? [];
  const target = typeof width === 'number' ? tape.int64s([0, heads, -1, width]) : openTarget(tape, x, heads);
  const folded: Dim = typeof from === 'number' ? foldedTokens(tokens, from, heads) : undefined;
  return tape.op('Reshape', [x, target], folded === undefined ? {} : { shape: [batch, heads, folded, width] });
}

function foldedTokens(tokens: Dim, from: number, to: number): Dim {
  return typeof tokens === 'number' ? (tokens * from) / to : undefined;
}

function openTarget(tape: Tape, x: Value, heads: number): Value {
  return tape.op('Concat', [tape.int64s([0, heads, -1]), dimValue(tape, x, 3)], { attributes: { axis: 0 } });
}

/** [batch, kvHeads, groups · tokens, keys] as [batch, heads, tokens, keys]. */
function asScores(tape: Tape, products: Value, { query, key, heads }: Attention): Value {
  const [batch, , tokens] = query.shape ?? [];
  return tape.op('Reshape', [products, keysTarget(tape, key, heads)], {
    shape: [batch, heads, tokens, key.shape?.[2]],
  });
}

/** i64 [4] for Reshape: 0, heads, -1, keys. */
function keysTarget(tape: Tape, key: Value, heads: number): Value {
  const keys = key.shape?.[2];
  if (typeof keys === 'number') return tape.int64s([0, heads, -1, keys]);
  return tape.op('Concat', [tape.int64s([0, heads, -1]), dimValue(tape, key, 2)], { attributes: { axis: 0 } });
}

function softCapped(tape: Tape, scores: Value, softcap: number): Value {
  return scale(tape, unary(tape, 'Tanh', scale(tape, scores, 1 / softcap)), softcap);
}

function softmax(tape: Tape, scores: Value): Value {
  return tape.op('Softmax', [scores], { attributes: { axis: -1 } });
}

/** The softmax over the scores and one more, which is then left out. */
function softmaxWithSink(tape: Tape, scores: Value, sink: Value, heads: number): Value {
  const like = tape.op('Slice', [scores, tape.int64s([0]), tape.int64s([1]), tape.int64s([3])], {
    ...(scores.shape && { shape: scores.shape.with(3, 1) }),
  });
  const column = tape.op(
    'Expand',
    [tape.op('Reshape', [sink, tape.int64s([1, heads, 1, 1])]), tape.op('Shape', [like])],
    {
      ...(like.shape && { shape: like.shape }),
    },
  );
  const weights = softmax(tape, tape.op('Concat', [column, scores], { attributes: { axis: 3 } }));
  return tape.op('Slice', [weights, tape.int64s([1]), tape.int64s([2 ** 31 - 1]), tape.int64s([3])], {
    ...(scores.shape && { shape: scores.shape }),
  });
}
