import { div, mul, scalar } from '../emit.ts';
import { gradientRule } from '../gradient-rule.ts';
import { keptLike, reducedAxes } from './reduction.ts';

/**
 * ReduceL2: Y = √(Σ X²) over the axes
 *
 *   dX = dY ∘ X / Y, 0 where Y = 0
 *
 * @see ONNX ReduceL2-18
 */
export const reduceL2Gradient = gradientRule({
  opType: 'ReduceL2',
  inputs: ['X', 'axes?'],
  outputs: ['Y'],
  backward: ({ tape, node, inputs: { X, axes }, outputs: { Y }, gradients: { Y: dY } }) => ({
    X() {
      const over = reducedAxes(node, X, axes);
      const norm = keptLike(tape, Y, node, over);
      const isZero = tape.op('Equal', [norm, scalar(tape, 0, norm)]);
      // WHY 1 there: X is 0 too, and 0 / 0 would be NaN.
      const safe = tape.op('Where', [isZero, scalar(tape, 1, norm), norm]);
      return mul(tape, X, div(tape, keptLike(tape, dY, node, over), safe));
    },
  }),
});
