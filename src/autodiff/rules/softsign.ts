import { mul, scale, shift, unary } from '../emit.ts';
import { gradientRule } from '../gradient-rule.ts';

/**
 * Softsign: Y = X / (1 + |X|)
 *
 *   dX = dY ∘ (1 − |Y|)²
 *
 * @see ONNX Softsign-22
 */
export const softsignGradient = gradientRule({
  opType: 'Softsign',
  inputs: ['X'],
  outputs: ['Y'],
  backward: ({ tape, outputs: { Y }, gradients: { Y: dY } }) => ({
    X() {
      const rest = shift(tape, scale(tape, unary(tape, 'Abs', Y), -1), 1);
      return mul(tape, dY, mul(tape, rest, rest));
    },
  }),
});
