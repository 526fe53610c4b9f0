import type { Node, Tape, Value } from '../../ir/index.ts';
import { cast, div, mul, scalar, sumOver } from '../emit.ts';
import { gradientRule } from '../gradient-rule.ts';
import { keptLike, reducedAxes } from './reduction.ts';

/**
 * ReduceProd: Y = Π X over the axes
 *
 *   dX = dY ∘ the product of the other elements: Y / X; at the only zero of a product, the product of the elements that are not zero
 *
 * @see ONNX ReduceProd-18
 */
export const reduceProdGradient = gradientRule({
  opType: 'ReduceProd',
  inputs: ['X', 'axes?'],
  outputs: ['Y'],
  backward: ({ tape, node, inputs: { X, axes }, gradients: { Y: dY } }) => ({
    X: () => mul(tape, productOfOthers(tape, node, { X, axes }), keptLike(tape, dY, node, reducedAxes(node, X, axes))),
  }),
});

function productOfOthers(tape: Tape, node: Node, { X, axes }: { X: Value; axes: Value | undefined }): Value {
  const over = reducedAxes(node, X, axes);
  const isZero = tape.op('Equal', [X, scalar(tape, 0, X)]);
  const rest = tape.op('Where', [isZero, scalar(tape, 1, X), X]);
  const product = tape.op('ReduceProd', node.inputs.length > 1 ? [rest, axes] : [rest], {
    attributes: { ...Object.fromEntries(node.attributes), keepdims: 1 },
  });
  const zeros = sumOver(tape, cast(tape, isZero, X.dtype ?? 'float32'), over, true);
  const isCount = (count: number): Value => tape.op('Equal', [zeros, scalar(tape, count, X)]);
  const none = scalar(tape, 0, X);
  const atZero = tape.op('Where', [isCount(1), product, none]);
  return tape.op('Where', [isZero, atZero, tape.op('Where', [isCount(0), div(tape, product, rest), none])]);
}
