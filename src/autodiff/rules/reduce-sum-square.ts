import { mul, scale } from '../emit.ts';
import { gradientRule } from '../gradient-rule.ts';
import { keptLike, reducedAxes } from './reduction.ts';

/**
 * ReduceSumSquare: Y = Σ X² over the axes
 *
 *   dX = 2X ∘ dY
 *
 * @see ONNX ReduceSumSquare-18
 */
export const reduceSumSquareGradient = gradientRule({
  opType: 'ReduceSumSquare',
  inputs: ['X', 'axes?'],
  outputs: ['Y'],
  backward: ({ tape, node, inputs: { X, axes }, gradients: { Y: dY } }) => ({
    X() {
      const over = reducedAxes(node, X, axes);
      return mul(tape, X, scale(tape, keptLike(tape, dY, node, over), 2));
    },
  }),
});
