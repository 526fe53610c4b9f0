import { div, unary } from '../emit.ts';
import { gradientRule } from '../gradient-rule.ts';
import { expandLike } from '../shapes.ts';
import { keptLike, reducedAxes } from './reduction.ts';

/**
 * ReduceLogSum: Y = ln Σ X over the axes
 *
 *   dX = dY / Σ X
 *
 * @see ONNX ReduceLogSum-18
 */
export const reduceLogSumGradient = gradientRule({
  opType: 'ReduceLogSum',
  inputs: ['X', 'axes?'],
  outputs: ['Y'],
  backward: ({ tape, node, inputs: { X, axes }, outputs: { Y }, gradients: { Y: dY } }) => ({
    X() {
      const over = reducedAxes(node, X, axes);
      const sum = unary(tape, 'Exp', keptLike(tape, Y, node, over));
      return expandLike(tape, div(tape, keptLike(tape, dY, node, over), sum), X);
    },
  }),
});
