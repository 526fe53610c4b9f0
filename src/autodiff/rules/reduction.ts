import type { Node, Tape, Value } from '../../ir/index.ts';
import { positiveAxis, rankOf, requireIntegers } from '../shapes.ts';

/** The axes of a Reduce operator as non-negative numbers, in ascending order. */
export function reducedAxes(node: Node, X: Value, axes: Value | undefined): number[] {
  const rank = rankOf(X, node);
  const given = axes ? requireIntegers(axes, node, 'the constant elements') : (node.intsAttribute('axes') ?? []);
  if (given.length > 0) return given.map((axis) => positiveAxis(axis, rank)).sort((a, b) => a - b);
  return node.intAttribute('noop_with_empty_axes', 0) === 1 ? [] : Array.from({ length: rank }, (_, axis) => axis);
}

/** Reshapes a value of the shape of a Reduce operator's output so that the reduced axes have size 1. */
export function keptLike(tape: Tape, value: Value, node: Node, axes: readonly number[]): Value {
  // WHY rank 0: a scalar broadcasts to any shape as it is.
  const isScalar = value.shape?.length === 0;
  if (isScalar || axes.length === 0 || node.intAttribute('keepdims', 1) === 1) return value;
  return tape.op('Unsqueeze', [value, tape.int64s(axes)]);
}
