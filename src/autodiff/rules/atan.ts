import { div, mul, shift } from '../emit.ts';
import { gradientRule } from '../gradient-rule.ts';

/**
 * Atan: Y = arctan X
 *
 *   dX = dY / (1 + X²)
 *
 * @see ONNX Atan-22
 */
export const atanGradient = gradientRule({
  opType: 'Atan',
  inputs: ['X'],
  outputs: ['Y'],
  backward: ({ tape, inputs: { X }, gradients: { Y: dY } }) => ({
    X: () => div(tape, dY, shift(tape, mul(tape, X, X), 1)),
  }),
});
