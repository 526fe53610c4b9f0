import { div, mul, shift, unary } from '../emit.ts';
import { gradientRule } from '../gradient-rule.ts';

/**
 * Acosh: Y = arcosh X
 *
 *   dX = dY / √(X² − 1)
 *
 * @see ONNX Acosh-22
 */
export const acoshGradient = gradientRule({
  opType: 'Acosh',
  inputs: ['X'],
  outputs: ['Y'],
  backward: ({ tape, inputs: { X }, gradients: { Y: dY } }) => ({
    X: () => div(tape, dY, unary(tape, 'Sqrt', shift(tape, mul(tape, X, X), -1))),
  }),
});
