import { mul, unary } from '../emit.ts';
import { gradientRule } from '../gradient-rule.ts';
import { keptLike, reducedAxes } from './reduction.ts';

/**
 * ReduceL1: Y = Σ |X| over the axes
 *
 *   dX = dY ∘ sign(X)
 *
 * @see ONNX ReduceL1-18
 */
export const reduceL1Gradient = gradientRule({
  opType: 'ReduceL1',
  inputs: ['X', 'axes?'],
  outputs: ['Y'],
  backward: ({ tape, node, inputs: { X, axes }, gradients: { Y: dY } }) => ({
    X() {
      const over = reducedAxes(node, X, axes);
      return mul(tape, unary(tape, 'Sign', X), keptLike(tape, dY, node, over));
    },
  }),
});
