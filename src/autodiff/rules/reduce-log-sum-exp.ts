import { mul, sub, unary } from '../emit.ts';
import { gradientRule } from '../gradient-rule.ts';
import { keptLike, reducedAxes } from './reduction.ts';

/**
 * ReduceLogSumExp: Y = ln Σ eˣ over the axes
 *
 *   dX = dY ∘ e^(X − Y)
 *
 * @see ONNX ReduceLogSumExp-18
 */
export const reduceLogSumExpGradient = gradientRule({
  opType: 'ReduceLogSumExp',
  inputs: ['X', 'axes?'],
  outputs: ['Y'],
  backward: ({ tape, node, inputs: { X, axes }, outputs: { Y }, gradients: { Y: dY } }) => ({
    X() {
      const over = reducedAxes(node, X, axes);
      const share = unary(tape, 'Exp', sub(tape, X, keptLike(tape, Y, node, over)));
      return mul(tape, share, keptLike(tape, dY, node, over));
    },
  }),
});
