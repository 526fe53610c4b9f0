import { div, mul, scale, shift, unary } from '../emit.ts';
import { gradientRule } from '../gradient-rule.ts';

/**
 * Asin: Y = arcsin X
 *
 *   dX = dY / √(1 − X²)
 *
 * @see ONNX Asin-22
 */
export const asinGradient = gradientRule({
  opType: 'Asin',
  inputs: ['X'],
  outputs: ['Y'],
  backward: ({ tape, inputs: { X }, gradients: { Y: dY } }) => ({
    X: () => div(tape, dY, unary(tape, 'Sqrt', shift(tape, scale(tape, mul(tape, X, X), -1), 1))),
  }),
});
