import { mul, scale, unary } from '../emit.ts';
import { gradientRule } from '../gradient-rule.ts';

/**
 * Erf: Y = erf X
 *
 *   dX = dY ∘ 2/√π ∘ exp(−X²)
 *
 * @see ONNX Erf-13
 */
export const erfGradient = gradientRule({
  opType: 'Erf',
  inputs: ['X'],
  outputs: ['Y'],
  backward: ({ tape, inputs: { X }, gradients: { Y: dY } }) => ({
    X() {
      const bell = unary(tape, 'Exp', unary(tape, 'Neg', mul(tape, X, X)));
      return mul(tape, dY, scale(tape, bell, 2 / Math.sqrt(Math.PI)));
    },
  }),
});
