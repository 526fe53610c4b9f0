import { div, mul, shift, unary } from '../emit.ts';
import { gradientRule } from '../gradient-rule.ts';

/**
 * Asinh: Y = arsinh X
 *
 *   dX = dY / √(X² + 1)
 *
 * @see ONNX Asinh-22
 */
export const asinhGradient = gradientRule({
  opType: 'Asinh',
  inputs: ['X'],
  outputs: ['Y'],
  backward: ({ tape, inputs: { X }, gradients: { Y: dY } }) => ({
    X: () => div(tape, dY, unary(tape, 'Sqrt', shift(tape, mul(tape, X, X), 1))),
  }),
});
