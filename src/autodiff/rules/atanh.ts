import { div, mul, scale, shift } from '../emit.ts';
import { gradientRule } from '../gradient-rule.ts';

/**
 * Atanh: Y = artanh X
 *
 *   dX = dY / (1 − X²)
 *
 * @see ONNX Atanh-22
 */
export const atanhGradient = gradientRule({
  opType: 'Atanh',
  inputs: ['X'],
  outputs: ['Y'],
  backward: ({ tape, inputs: { X }, gradients: { Y: dY } }) => ({
    X: () => div(tape, dY, shift(tape, scale(tape, mul(tape, X, X), -1), 1)),
  }),
});
