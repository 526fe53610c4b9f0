import { gradientRule } from '../gradient-rule.ts';
import { expandLike } from '../shapes.ts';
import { keptLike, reducedAxes } from './reduction.ts';

/**
 * ReduceSum: Y = Σ X over the axes
 *
 *   dX = dY, broadcast over the axes
 *
 * @see ONNX ReduceSum-13
 */
export const reduceSumGradient = gradientRule({
  opType: 'ReduceSum',
  inputs: ['X', 'axes?'],
  outputs: ['Y'],
  backward: ({ tape, node, inputs: { X, axes }, gradients: { Y: dY } }) => ({
    X: () => expandLike(tape, keptLike(tape, dY, node, reducedAxes(node, X, axes)), X),
  }),
});
