/**
 * Scaled dot-product attention, built from operators that have gradient rules. The lowerings of the fused operators share it; their
 * inputs and attributes are not known here.
 */
import type { Dim, Tape, Value } from '../../ir/index.ts';
import { add, batchedProduct, scalar, scale, unary } from '../emit.ts';
import { dimValue } from './dimensions.ts';

export interface Attention {
  /** [batch, heads, tokens, headDim] */
  readonly query: Value;
  /** [batch, kvHeads, keys, headDim]. Each key-value head serves heads / kvHeads consecutive query heads. */
  readonly key: Value;
  /** [batch, kvHeads, keys, valueDim] */
  readonly value: Value;
  readonly heads: number;
  readonly kvHeads: number;
  /** Factor of the products Q · Kᵀ. */
  readonly scale: number;
  /** Scores become softcap · tanh(score / softcap). 0 or undefined: no soft capping. */
  readonly softcap?: number;
  /** Masks and biases, added to the scores. Each is broadcast to [batch, heads, tokens, keys]. */
  readonly biases?: readonly Value[];
  /** If no bias of a query is above this number, all its keys are masked and its result is 0. undefined: no query is fully masked. */
  readonly blankFrom?: number | undefined;
  /** [heads]: attention sinks. A sink is one more score for each head; its probability is not multiplied by any value. */
  readonly sink?: Value | undefined;
}

/**
 *   softmax(softcap(scale · Q · Kᵀ) + biases) · V,   or 0 for a query whose keys are all masked
 *
 * @returns [batch, heads, tokens, valueDim]
 */
export function attend(tape: Tape, attention: Attention): Value {
  const { query, key, value, heads, kvHeads, biases = [], softcap = 0, sink } = attention;
  const groups = heads / kvHeads;
  // WHY the query heads of a group form one matrix: keys and values need not be repeated, and their gradients need no sum over a group.
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
  /** bool [..., tokens, 1]: the queries whose keys are all masked. */
  readonly blank?: Value;
}

/**
 * The sum of the biases, with 0 for queries whose keys are all masked. Without this the softmax over minus infinity would be NaN, and
 * so would all gradients that depend on it.
 *
 * WHY the biases decide and not the scores: biases are small and usually have no heads axis, and no score changes the lowest number.
 */
function totalBias(tape: Tape, biases: readonly Value[], blankFrom: number | undefined): TotalBias {
  const [first, ...others] = biases;
  if (first === undefined) return {};
  const bias = others.reduce((sum, other) => add(tape, sum, other), first);
  if (blankFrom === undefined) return { bias };
  const blank = tape.op('LessOrEqual', [largest(tape, bias), scalar(tape, blankFrom, bias)]);
  return { bias: tape.op('Where', [blank, scalar(tape, 0, bias), bias]), blank };
}

/** The maximum over the last axis, which stays with size 1. */
function largest(tape: Tape, x: Value): Value {
  // WHY: before opset 18 the axes are an attribute.
  const isInput = (tape.model.opsets.get('') ?? 0) >= 18;
  const inputs = isInput ? [x, tape.int64s([-1])] : [x];
  return tape.op('ReduceMax', inputs, { attributes: { keepdims: 1, ...(!isInput && { axes: [-1] }) } });
}

/** Reshapes [batch, heads, tokens, width] to another number of heads, by folding heads into tokens or splitting them off. */
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

/** Reshapes [batch, kvHeads, groups · tokens, keys] to [batch, heads, tokens, keys]. */
function asScores(tape: Tape, products: Value, { query, key, heads }: Attention): Value {
  const [batch, , tokens] = query.shape ?? [];
  return tape.op('Reshape', [products, keysTarget(tape, key, heads)], {
    shape: [batch, heads, tokens, key.shape?.[2]],
  });
}

/** The target of a Reshape, i64 [4]: 0, heads, -1, keys. */
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

/** The softmax over the scores and the sink, without the probability of the sink. */
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
