import { div, mul, scale, shift, unary } from '../emit.ts';
import { gradientRule } from '../gradient-rule.ts';

/**
 * Acos: Y = arccos X
 *
 *   dX = −dY / √(1 − X²)
 *
 * @see ONNX Acos-22
 */
export const acosGradient = gradientRule({
  opType: 'Acos',
  inputs: ['X'],
  outputs: ['Y'],
  backward: ({ tape, inputs: { X }, gradients: { Y: dY } }) => ({
    X: () => unary(tape, 'Neg', div(tape, dY, unary(tape, 'Sqrt', shift(tape, scale(tape, mul(tape, X, X), -1), 1)))),
  }),
});
