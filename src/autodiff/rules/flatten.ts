import { gradientRule } from '../gradient-rule.ts';
import { reshapeLike } from '../shapes.ts';

/**
 * Flatten: the elements of X as a matrix
 *
 *   dX = dY in the shape of X
 *
 * @see ONNX Flatten-21
 */
export const flattenGradient = gradientRule({
  opType: 'Flatten',
  inputs: ['X'],
  outputs: ['Y'],
  backward: ({ tape, inputs: { X }, gradients: { Y: dY } }) => ({ X: () => reshapeLike(tape, dY, X) }),
});
