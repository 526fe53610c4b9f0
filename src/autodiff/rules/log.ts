import { div } from '../emit.ts';
import { gradientRule } from '../gradient-rule.ts';

/**
 * Log: Y = ln X
 *
 *   dX = dY / X
 *
 * @see ONNX Log-13
 */
export const logGradient = gradientRule({
  opType: 'Log',
  inputs: ['X'],
  outputs: ['Y'],
  backward: ({ tape, inputs: { X }, gradients: { Y: dY } }) => ({ X: () => div(tape, dY, X) }),
});
