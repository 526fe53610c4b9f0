import { add, mul, scale, shift, unary } from '../emit.ts';
import { gradientRule } from '../gradient-rule.ts';

/**
 * Mish: Y = X ∘ t,   t = tanh(ln(1 + eˣ))
 *
 *   dX = dY ∘ (t + X ∘ σ(X) ∘ (1 − t²))
 *
 * @see ONNX Mish-22; Misra 2019
 */
export const mishGradient = gradientRule({
  opType: 'Mish',
  inputs: ['X'],
  outputs: ['Y'],
  backward: ({ tape, inputs: { X }, gradients: { Y: dY } }) => ({
    X() {
      const t = unary(tape, 'Tanh', unary(tape, 'Softplus', X));
      const slope = shift(tape, scale(tape, mul(tape, t, t), -1), 1);
      return mul(tape, dY, add(tape, t, mul(tape, mul(tape, X, unary(tape, 'Sigmoid', X)), slope)));
    },
  }),
});
