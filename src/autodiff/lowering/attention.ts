/**
 * Scaled dot-product attention in operators that have gradient rules. It is the common part of the fused operators, and does not know
 * their inputs and attributes.
 */
import type { Dim, Tape, Value } from '../../ir/index.ts';
import { add, batchedProduct, scalar, scale, unary } from '../emit.ts';
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
  /** A query sees no key, and its result is 0, if none of its biases is above this number. Absent: every query sees a key. */
  readonly blankFrom?: number | undefined;
  /** [heads]: one more score for each head, whose probability goes nowhere (an attention sink). */
  readonly sink?: Value | undefined;
}

/**
 *   softmax(softcap(scale · Q · Kᵀ) + biases) · V,   0 for a query that sees no key
 *
 * @returns [batch, heads, tokens, valueDim]
 */
export function attend(tape: Tape, attention: Attention): Value {
  const { query, key, value, heads, kvHeads, biases = [], softcap = 0, sink } = attention;
  const groups = heads / kvHeads;
  // WHY one matrix of all query heads of a group: keys and values are not repeated, and their gradients need no sum over a group.
  const grouped = groups === 1 ? query : headsTo(tape, query, kvHeads);
  const products = batchedProduct(tape, grouped, key, { transB: true, alpha: attention.scale });
  const capped = softcap === 0 ? products : softCapped(tape, products, softcap);
  const scores = groups === 1 ? capped : asScores(tape, capped, attention);
  const { bias, blank } = totalBias(tape, biases, sink ? undefined : attention.blankFrom);
  const biased = bias ? add(tape, scores, bias) : scores;
  const weights = sink ? softmaxWithSink(tape, biased, sink, heads) : softmax(tape, biased);
  const mixed = groups === 1 ? tape.op('MatMul', [weights, value]) : mixGrouped(tape, weights, { grouped, attention });
  return blank ? tape.op('Where', [blank, scalar(tape, 0, mixed), mixed]) : mixed;
}

function mixGrouped(
  tape: Tape,
  weights: Value,
  { grouped, attention: { key, value, heads, kvHeads } }: { readonly grouped: Value; readonly attention: Attention },
): Value {
  const folded = tape.op('Reshape', [weights, keysTarget(tape, key, kvHeads)], {
    shape: grouped.shape ? [...grouped.shape.slice(0, -1), key.shape?.[2]] : [undefined, kvHeads, undefined, undefined],
  });
  return headsTo(tape, tape.op('MatMul', [folded, value]), heads);
}

interface TotalBias {
  readonly bias?: Value;
  /** bool [..., tokens, 1]: the queries that see no key. */
  readonly blank?: Value;
}

/**
 * The sum of the biases, which is 0 for queries that see no key: the softmax of nothing but minus infinity would be NaN, and so would
 * be every gradient behind it.
 *
 * WHY by the biases and not by the scores: the biases usually have no heads axis and are small, and no score changes the lowest number.
 */
function totalBias(tape: Tape, biases: readonly Value[], blankFrom: number | undefined): TotalBias {
  const [first, ...others] = biases;
  if (first === undefined) return {};
  const bias = others.reduce((sum, other) => add(tape, sum, other), first);
  if (blankFrom === undefined) return { bias };
  const blank = tape.op('LessOrEqual', [largest(tape, bias), scalar(tape, blankFrom, bias)]);
  return { bias: tape.op('Where', [blank, scalar(tape, 0, bias), bias]), blank };
}

/** Of the last axis, which stays as 1. */
function largest(tape: Tape, x: Value): Value {
  // WHY: before opset 18 the axes are an attribute.
  const isInput = (tape.model.opsets.get('') ?? 0) >= 18;
  const inputs = isInput ? [x, tape.int64s([-1])] : [x];
  return tape.op('ReduceMax', inputs, { attributes: { keepdims: 1, ...(!isInput && { axes: [-1] }) } });
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
